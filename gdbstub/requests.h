// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "gdbstub/stub.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The words of the protocol: payloads of requests, and what replies to them mean.
/// Replies: `peer_error` for `E nn`, `unsupported` for an empty one, `malformed` for what the request cannot
/// get.
namespace ringside::gdbstub {

/// A vCPU's name in the protocol: `p1.2`, or `2` from a stub without the multiprocess extension.
struct ThreadId {
  std::optional<unsigned> process;
  unsigned thread = 0;
  bool operator==(const ThreadId&) const = default;
};

std::string to_string(const ThreadId& id);
std::optional<ThreadId> parse_thread_id(std::string_view text);

/// What qSupported says, as far as it matters here.
struct Features {
  std::size_t packet_size = 0x1000;  ///< longest packet that the stub takes
  bool multiprocess = false;
  bool target_description = false;
};

/// A stop reply with the thread as it came; the session knows which vCPU that is.
struct Stop {
  StopReply reply;
  std::optional<ThreadId> thread;
};

std::string memory_read(std::uint64_t address, std::size_t length);
std::string memory_write(std::uint64_t address, ByteView bytes);
std::string break_point(bool insert, BreakKind kind, std::uint64_t gva, unsigned length);
std::string monitor_request(std::string_view line);

/// The reply, unless it says that the request failed.
Result<std::string_view> succeeded(std::string_view reply);
Result<void> expect_ok(std::string_view reply);
/// Exactly `size` bytes.
Result<Bytes> parse_bytes(std::string_view reply, std::size_t size);
Features parse_features(std::string_view reply);
/// Appends the threads of one `qfThreadInfo`/`qsThreadInfo` reply; true if more are to come.
Result<bool> parse_threads(std::string_view reply, std::vector<ThreadId>& threads);
Result<Stop> parse_stop(std::string_view reply);

}  // namespace ringside::gdbstub
