// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace ringside::lab {

/// A QMP server at a Unix socket that is not QEMU, played by a script: what a broken or hostile monitor may
/// do. It serves one connection after the other, as QEMU does. The socket goes with it.
class FakeQmp {
 public:
  using Json = nlohmann::json;

  /// The server's end of one connection.
  class Peer {
   public:
    /// False once the client has hung up, or the server is to end.
    bool send(std::string_view bytes);
    bool say(const Json& message) { return send(message.dump() + "\r\n"); }
    /// As QEMU greets.
    bool greet();
    bool reply(const Json& command, const Json& value) {
      return say({{"return", value}, {"id", command["id"]}});
    }
    bool refuse(const Json& command, const std::string& why);
    /// The client's next command; nullopt once it has hung up.
    std::optional<Json> command();
    /// One that has come already, without waiting.
    std::optional<Json> command_at_hand();
    /// Waits so long; false if the client hung up meanwhile.
    bool stay(std::chrono::milliseconds time);
    /// Until the client hangs up.
    void stay() {
      while (stay(std::chrono::hours(1))) {
      }
    }

   private:
    friend class FakeQmp;
    Peer(int socket, int stop, std::atomic<std::uint64_t>& all)
        : socket_(socket), stop_(stop), all_sent_(all) {}
    enum class Came { bytes, nothing, end };
    Came wait(std::chrono::milliseconds time, short events);
    bool receive(std::chrono::milliseconds time);
    std::optional<Json> take_line();
    int socket_, stop_;
    std::string received_;
    std::atomic<std::uint64_t>& all_sent_;
    std::uint64_t sent_ = 0;
    bool ended_ = false;
  };
  using Script = std::function<void(Peer&)>;

  /// Fails the test if it cannot listen at `path`.
  FakeQmp(std::string path, Script script);
  ~FakeQmp();
  FakeQmp(const FakeQmp&) = delete;
  FakeQmp& operator=(const FakeQmp&) = delete;

  std::size_t connections() const { return connections_; }
  /// Bytes sent over all connections.
  std::uint64_t sent() const { return sent_; }
  /// Bytes sent over connections that have ended, the most of any one.
  std::uint64_t most_sent() const { return most_sent_; }

 private:
  void run();
  std::string path_;
  Script script_;
  int listening_ = -1, stop_ = -1;
  std::atomic<std::size_t> connections_{0};
  std::atomic<std::uint64_t> sent_{0}, most_sent_{0};
  std::thread thread_;
};

/// Answers as a QEMU of 256 MiB with one vCPU would; nullopt: unknown command. The guest's memory is this
/// process's, and all zeros. Good to be lied with: change what is to be a lie.
std::optional<nlohmann::json> plausible_answer(const nlohmann::json& command);

/// Greets and answers so many commands by `answer`; what it does not know is refused.
void converse(FakeQmp::Peer& peer,
              const std::function<std::optional<nlohmann::json>(const nlohmann::json&)>& answer,
              std::size_t commands = std::numeric_limits<std::size_t>::max());

}  // namespace ringside::lab
