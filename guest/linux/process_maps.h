// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "guest/address.h"
#include "guest/linux/device_number.h"
#include "guest/linux/kernel.h"
#include "guest/linux/listing.h"

#include <cstdint>
#include <optional>
#include <string>

namespace ringside::guest::linux {

/// One area of a process's memory (struct vm_area_struct).
struct MemoryArea {
  Gva start, end;              ///< [start, end)
  std::uint64_t vm_flags = 0;  ///< VM_* (include/linux/mm.h)
  std::uint64_t offset = 0;    ///< bytes into the file; 0 of anonymous memory
  /// Of the file system that the file is on; nullopt: could not be read. 0:0 of anonymous memory.
  std::optional<DeviceNumber> device = DeviceNumber{};
  std::optional<std::uint64_t> inode = 0;  ///< its number, the same way
  /// What /proc/PID/maps shows last: a path, "[heap]", "[stack]", "[vdso]", "[anon:NAME]"; empty: nothing.
  /// nullopt: could not be read (a problem says why).
  std::optional<std::string> name;
  Gva vma;         ///< the vm_area_struct
  Gva file;        ///< struct file, 0: none
  Gva file_inode;  ///< struct inode, 0: none

  bool readable() const { return (vm_flags & 1) != 0; }
  bool writable() const { return (vm_flags & 2) != 0; }
  bool executable() const { return (vm_flags & 4) != 0; }
  bool shared() const { return (vm_flags & 0x80) != 0; }  ///< VM_MAYSHARE
  /// "r-xp"
  std::string permissions() const;
};

/// Most areas that are read of one process (vm.max_map_count is 65530 unless set higher).
inline constexpr std::uint64_t kMaxAreas = 1u << 18;

/// The areas of `mm` (struct mm_struct) in order of address, as /proc/PID/maps lists them. `names` false
/// leaves the names out, which is much cheaper. mm 0 (a kernel thread) has none.
Result<Listing<MemoryArea>> memory_areas(Kernel& kernel, Gva mm, bool names = true);

}  // namespace ringside::guest::linux
