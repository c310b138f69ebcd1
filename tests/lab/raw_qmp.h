// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"

#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ringside::lab {

/// A small blocking QMP client for the oracle's side of a test: what QEMU itself says, free of ringside's own
/// code.
class RawQmp {
 public:
  using Json = nlohmann::json;
  static Result<RawQmp> connect(const std::string& socket_path);
  RawQmp(RawQmp&& other) noexcept;
  RawQmp& operator=(RawQmp&&) = delete;
  ~RawQmp();

  /// The reply's "return". Events that arrive meanwhile are kept.
  Result<Json> execute(const std::string& command, Json arguments = Json::object());
  /// HMP text; throws std::runtime_error if QEMU does not answer, because no test can go on then.
  std::string hmp(const std::string& line, std::optional<unsigned> cpu = {});
  /// Many HMP commands, sent without waiting for each answer; the texts in the same order.
  std::vector<std::string> hmp_batch(const std::vector<std::string>& lines);
  /// The run state: "running", "paused", "internal-error", ...; throws like hmp().
  std::string status();

  /// Every event since the connection or since clear_events(), those that are still underway included.
  const std::vector<Json>& events();
  /// How often the event `name` came.
  std::size_t count(const std::string& name);
  void clear_events();
  /// Waits for an event of that name that comes from now on.
  bool wait_event(const std::string& name, std::chrono::milliseconds deadline);

 private:
  explicit RawQmp(int socket) : socket_(socket) {}
  Result<Json> next_message(std::chrono::milliseconds deadline);
  Result<Json> next_reply(std::uint64_t id);
  Result<void> send(const Json& message);
  int socket_;
  std::uint64_t last_id_ = 0;
  std::string received_;
  std::vector<Json> events_;
};

}  // namespace ringside::lab
