// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace ringside::lab {

/// A program that was run to its end.
struct Finished {
  int status = 0;  ///< exit status; 128 + signal if a signal ended it
  std::string out, err;
};
/// Runs `arguments` (the program first, searched in PATH) and collects what it prints.
Result<Finished> run_program(const std::vector<std::string>& arguments,
                             const std::vector<std::string>& environment = {});

/// A program that runs beside the test. It is killed with the test, however that ends (PR_SET_PDEATHSIG).
class Process {
 public:
  /// Output goes to the file `log`. `environment` are NAME=VALUE additions.
  static Result<Process> start(const std::vector<std::string>& arguments, const std::string& log,
                               const std::vector<std::string>& environment = {});
  Process(Process&& other) noexcept : pid_(other.pid_) { other.pid_ = -1; }
  Process& operator=(Process&&) = delete;
  ~Process() { kill(); }

  pid_t pid() const { return pid_; }
  /// The exit status if it has ended (as in Finished).
  std::optional<int> poll();
  void signal(int number) const;
  /// SIGKILL, and waits for the end. Harmless when it has ended.
  void kill();

 private:
  explicit Process(pid_t pid) : pid_(pid) {}
  pid_t pid_;  ///< -1 once reaped
};

/// A folder below $TMPDIR that goes with its owner.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace ringside::lab
