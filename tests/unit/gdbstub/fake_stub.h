// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gdbstub/packet_codec.h"

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace ringside::gdbstub {

/// What the fake does with one request instead of its usual answer.
struct Fault {
  std::string bytes;   ///< sent as they stand
  bool close = false;  ///< then closes the connection
};

/// A gdbstub on a real Unix socket that behaves as QEMU 7.2 does: two vCPUs, 64 KiB of memory that reads as a
/// pattern, physical mode and break points that outlive a connection, one client at a time.
class FakeStub {
 public:
  /// What QEMU keeps between connections, and what the client did.
  struct State {
    std::map<std::uint64_t, std::string> written;  ///< GPA to hexadecimal
    std::set<std::string> break_points;            ///< "1,1000,1"
    bool physical_mode = false;
    bool running = true;
    bool detached = false;
    std::vector<std::string> requests;
  };
  using Override = std::function<std::optional<Fault>(const std::string& request)>;

  /// `override` is asked first for every request. `greeting` is sent on connect, as QEMU up to 8.0 does.
  explicit FakeStub(Override override = {}, std::string greeting = encode_packet("T02thread:01;"));
  ~FakeStub();
  FakeStub(const FakeStub&) = delete;
  FakeStub& operator=(const FakeStub&) = delete;

  const std::string& path() const { return path_; }
  State state() const;
  /// Changes what is kept, as an earlier client would have.
  void change(const std::function<void(State&)>& how);
  /// Waits until the client's connection has ended on this side.
  State state_after_disconnect();

  static std::byte byte_at(std::uint64_t gpa) { return static_cast<std::byte>(gpa ^ (gpa >> 8)); }

 private:
  void serve();
  void converse(int client);
  std::string answer(const std::string& request);
  std::string answer_memory(const std::string& request);

  Override override_;
  std::string greeting_;
  std::string folder_;
  std::string path_;
  int listener_ = -1;
  int wake_[2] = {-1, -1};
  mutable std::mutex mutex_;
  std::condition_variable disconnected_;
  int connections_ended_ = 0;
  State state_;
  std::thread thread_;
};

}  // namespace ringside::gdbstub
