// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"

#include <chrono>
#include <string>

namespace ringside::lab {

/// The guest's ttyS0 behind a Unix socket, where scripts/lab/init reads a shell script.
class SerialConsole {
 public:
  static Result<SerialConsole> connect(const std::string& socket_path);
  SerialConsole(SerialConsole&& other) noexcept;
  SerialConsole& operator=(SerialConsole&&) = delete;
  ~SerialConsole();

  /// Reads until `text` comes; returns everything before it.
  Result<std::string> read_until(const std::string& text, std::chrono::milliseconds deadline);
  /// Runs one shell command in the guest and returns what it prints.
  Result<std::string> run(const std::string& command, std::chrono::milliseconds deadline);

 private:
  explicit SerialConsole(int socket) : socket_(socket) {}
  int socket_;
  std::string received_;
  unsigned commands_ = 0;
};

}  // namespace ringside::lab
