// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "guest/linux/kernel.h"

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace ringside::guest::linux {

/// What the kernel notes for those who read its crash dumps (kernel/crash_core.c, kernel/vmcore_info.c):
/// names with values. It stands in writable memory, so it is a second source and no proof.
class Vmcoreinfo {
 public:
  /// Lines KEY=VALUE, at most a page; `malformed` unless it starts with OSRELEASE.
  static Result<Vmcoreinfo> parse(std::string_view text);

  std::optional<std::string> value(std::string_view key) const;
  /// SYMBOL(name).
  std::optional<Gva> symbol(std::string_view name) const;

 private:
  std::map<std::string, std::string, std::less<>> values_;
};

/// That of `kernel`, found by its variable vmcoreinfo_data. Errors: `not_found`, or as parse(), or what
/// reading said.
Result<Vmcoreinfo> find_vmcoreinfo(Kernel& kernel);

}  // namespace ringside::guest::linux
