// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/exported_symbols.h"
#include "guest/linux/kernel_pages.h"
#include "guest/linux/recovered_types.h"

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// The parts of recover_types(). Each looks for members by what must hold for every object, and adds only what
// fits in exactly one place. Order of members as in include/linux/sched.h, cred.h, module.h, mm_types.h, fs.h
// from 5.10 to 6.1, the releases that have i386 kernels.
namespace ringside::guest::linux {

/// A task as it was looked at: its address, and the first bytes of its task_struct.
class SampledTask {
 public:
  SampledTask(std::uint32_t address, Bytes bytes) : address_(address), bytes_(std::move(bytes)) {}
  std::uint32_t address() const { return address_; }
  /// The 32-bit number at `offset`; 0 past the end.
  std::uint32_t word(std::uint32_t offset) const {
    return load_le<std::uint32_t>(bytes_, offset).value_or(0);
  }
  std::uint64_t number64(std::uint32_t offset) const {
    return load_le<std::uint64_t>(bytes_, offset).value_or(0);
  }

 private:
  std::uint32_t address_;
  Bytes bytes_;
};

/// What the parts share.
struct Recovery {
  explicit Recovery(Kernel& kernel) : memory(kernel) {}

  KernelPages memory;
  RecoveredTypes types;
  /// init_task first, then those that follow it in the list of tasks: 1, 2, ...
  std::vector<SampledTask> tasks;
  /// Offsets in task_struct that later parts start from.
  std::uint32_t tasks_at = 0, mm_at = 0, pid_at = 0, group_leader_at = 0, comm_at = 0, signal_at = 0;

  Kernel& kernel() { return memory.kernel(); }
  /// An exported variable, as a number; 0 if there is none.
  std::uint32_t variable(std::string_view name);
  /// A pointer, or a number of 4 bytes.
  void add_pointer(std::string_view type, std::string_view member, std::uint32_t offset);
  void add_number(std::string_view type, std::string_view member, std::uint32_t offset,
                  std::uint32_t size = 4, bool is_signed = false);
  void add_struct(std::string_view type, std::string_view member, std::uint32_t offset, std::uint32_t size,
                  std::string_view inner);
  void add_array(std::string_view type, std::string_view member, std::uint32_t offset, std::uint32_t count,
                 std::uint32_t element_size);
  void add_list(std::string_view type, std::string_view member, std::uint32_t offset) {
    add_struct(type, member, offset, 8, "list_head");
  }
  bool release_is_at_least(unsigned major, unsigned minor);
};

/// The only multiple of 4 in [first, end) that `fits`; nullopt if there is none or another.
template <class Fits>
std::optional<std::uint32_t> only_offset(std::uint32_t first, std::uint32_t end, Fits&& fits) {
  std::optional<std::uint32_t> found;
  for (std::uint32_t offset = first; offset < end; offset += 4) {
    if (!fits(offset)) continue;
    if (found) return std::nullopt;
    found = offset;
  }
  return found;
}

void add_lasting_layouts(Recovery& recovery);
Result<void> recover_tasks(Recovery& recovery);
void recover_scheduling(Recovery& recovery);
void recover_credentials(Recovery& recovery);
void recover_process_groups(Recovery& recovery);
void recover_namespaces(Recovery& recovery);
void recover_address_spaces(Recovery& recovery);
void recover_files(Recovery& recovery);
void recover_modules(Recovery& recovery);
/// The rest of struct module, once recover_modules() has found its memory and symbols in `modules`.
void recover_module_parts(Recovery& recovery, const std::vector<SampledTask>& modules);

}  // namespace ringside::guest::linux
