// SPDX-License-Identifier: Apache-2.0
#pragma once

// Includes Asio: only stub.cpp and tests include this.

#include "base/io/stream.h"
#include "gdbstub/requests.h"
#include "gdbstub/session_machine.h"
#include "gdbstub/target_description.h"

#include <array>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::gdbstub {

namespace asio = boost::asio;

/// A connection to QEMU's gdbstub. One call at a time, on the stream's executor. Every exchange has the
/// deadline that connect() was given; one that is not done in time, or is answered with what the protocol
/// does not allow, ends the connection, because nobody knows any more which reply belongs to what. Later
/// calls then fail with `closed`.
class Client {
 public:
  /// Connects, which stops the guest, and brings the stub into a known state: break points that an earlier
  /// client left are gone, physical mode is off.
  static asio::awaitable<Result<std::unique_ptr<Client>>> connect(std::string socket_path,
                                                                  std::chrono::milliseconds deadline);

  const std::vector<ThreadId>& threads() const { return threads_; }
  bool running() const { return machine_.running(); }
  bool ended() const { return machine_.failed(); }
  bool physical_mode() const { return physical_mode_; }

  asio::awaitable<Result<void>> list_threads();
  /// A file of the target description.
  asio::awaitable<Result<std::string>> read_feature(std::string name);
  asio::awaitable<Result<std::map<std::string, Bytes>>> registers(unsigned vcpu,
                                                                  const RegisterLayout& layout);
  /// Guest-virtual memory through `vcpu`'s page tables, or guest-physical memory without one.
  asio::awaitable<Result<void>> read_memory(std::optional<unsigned> vcpu, std::uint64_t address,
                                            std::span<std::byte> into);
  asio::awaitable<Result<void>> write_physical(std::uint64_t gpa, ByteView from);
  asio::awaitable<Result<void>> set_break_point(bool insert, BreakKind kind, std::uint64_t gva,
                                                unsigned length);
  asio::awaitable<Result<void>> leave_physical_mode();
  asio::awaitable<Result<std::string>> monitor_command(std::string line);

  asio::awaitable<Result<void>> resume();
  asio::awaitable<Result<StopReply>> step(unsigned vcpu);
  /// The only call that may fail with `deadline` and leave the connection in use: the guest is still running.
  asio::awaitable<Result<StopReply>> await_stop(std::chrono::milliseconds deadline);
  /// Stops a running guest.
  asio::awaitable<Result<StopReply>> interrupt();
  /// `D`: QEMU forgets its break points and resumes the guest. The connection is of no use afterwards.
  asio::awaitable<Result<void>> detach();
  asio::awaitable<Result<void>> close();

 private:
  enum class Until { acknowledged, answered };

  Client(std::unique_ptr<io::Stream> stream, std::chrono::milliseconds deadline)
      : stream_(std::move(stream)), deadline_(deadline) {}

  asio::awaitable<Result<void>> greet();
  asio::awaitable<Result<Reply>> exchange(std::string_view request, Answer answer = Answer::reply);
  asio::awaitable<Result<void>> command(std::string_view request);
  asio::awaitable<Result<void>> pump(Until until);
  asio::awaitable<Result<void>> pump_in_time(Until until);
  asio::awaitable<Result<void>> set_physical_mode(bool on);
  asio::awaitable<Result<void>> select(char operation, unsigned vcpu);
  asio::awaitable<Result<void>> let_run(std::string_view request);
  Result<StopReply> take_stop();
  Result<ThreadId> thread(unsigned vcpu) const;
  Result<void> undisturbed();
  tl::unexpected<Error> end(Error error);

  std::unique_ptr<io::Stream> stream_;
  std::chrono::milliseconds deadline_;
  SessionMachine machine_;
  std::array<char, 16 * 1024> received_{};
  Features features_;
  bool can_vcont_ = false;
  bool can_physical_ = false;
  bool physical_mode_ = false;
  std::vector<ThreadId> threads_;
  std::optional<unsigned> selected_;  ///< by `Hg`
};

}  // namespace ringside::gdbstub
