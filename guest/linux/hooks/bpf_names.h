// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace ringside::guest::linux {

/// Names of an enum's values in small letters and without `prefix`, as bpftool shows them: of bpf_prog_type
/// with BPF_PROG_TYPE_, "raw_tracepoint". From the kernel's own types.
class EnumNames {
 public:
  EnumNames(Kernel& kernel, std::string_view enum_name, std::string_view prefix);
  /// The number itself where the kernel names none.
  std::string name(std::uint32_t value) const;

 private:
  std::map<std::uint32_t, std::string> names_;
};

}  // namespace ringside::guest::linux
