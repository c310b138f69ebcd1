// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

namespace ringside::guest::linux {

/// Where a process's heap and stack lie (struct mm_struct).
struct Landmarks {
  std::uint64_t start_brk = 0, brk = 0, start_stack = 0;
};

/// Names of areas that have no file, and names that a program gave (get_vma_name, fs/proc/task_mmu.c).
class AreaNames {
 public:
  explicit AreaNames(Kernel& kernel);

  /// vm_ops->name: nullopt where the operations have none or it says nothing. `unsupported` for a function
  /// that is not known.
  Result<std::optional<std::string>> special(Gva operations, Gva private_data);
  /// "[heap]", "[stack]" or nothing.
  std::string_view by_place(std::uint64_t start, std::uint64_t end, const Landmarks& landmarks) const;
  /// What PR_SET_VMA_ANON_NAME gave: struct anon_vma_name.
  Result<std::string> given(Gva anon_name);

 private:
  Kernel& kernel_;
  Result<Field> function_, special_name_, given_name_;
  std::optional<Gva> special_function_;
  bool heap_touches_;  ///< an area that only touches the heap counts as heap
  std::unordered_map<std::uint64_t, Gva> functions_;
};

}  // namespace ringside::guest::linux
