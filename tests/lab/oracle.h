// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/lab/guest.h"

#include <cstdint>
#include <string>
#include <vector>

namespace ringside::lab {

/// What a guest says about its own kernel, all of it at one moment: `lab capture` (tests/lab/guest_programs).
class Oracle {
 public:
  /// The guest needs Options::modules. The process that asks stays, so that the list of processes stays as
  /// told; stop the guest afterwards. Throws std::runtime_error if the guest does not answer.
  explicit Oracle(Guest& guest, std::chrono::milliseconds deadline = std::chrono::minutes(5));

  /// A file: "kallsyms", "modules", "net/tcp", "sysctl", "kmsg", "proc/1/maps", ...: /proc/NAME, and those of
  /// processes below proc/. Of what could not be read "!" and the reason. Empty if there is no such file.
  std::string text(const std::string& name) const;
  std::vector<std::string> lines(const std::string& name) const;
  std::vector<unsigned> processes() const;
  std::vector<unsigned> threads(unsigned process) const;

 private:
  std::vector<unsigned> numbers(const std::string& folder) const;
  TemporaryFolder folder_;
};

std::vector<std::string> split_lines(const std::string& text);
/// The words between runs of spaces and tabs.
std::vector<std::string> split_words(const std::string& line);

}  // namespace ringside::lab
