// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/hooks/hook.h"

namespace ringside::guest::linux {

/// What stands behind each entry of /proc that modules and subsystems register (fs/proc/internal.h, struct
/// proc_dir_entry), of every network namespace too: tables of operations, and functions. `name` is the path.
Result<Hooks> proc_entries(Kernel& kernel);

/// The members of tables of struct seq_operations: those of entries of /proc, and the kernel's well-known
/// ones
/// (/proc/modules, /proc/kallsyms, ...). `group` is the table's symbol or, if it has none, the path, `slot`
/// the member.
Result<Hooks> sequence_operations(Kernel& kernel);

/// Which tables of operations file systems in use have: of super blocks, of the inode and the dentry of each
/// file system's root, of open files, of their inodes, and of the page caches of all these inodes. `group` is
/// the kind of object ("super_block", "root", "file"), `name` the file system's type, of an open file the
/// process and descriptor that was met first.
Result<Hooks> file_operations(Kernel& kernel);

/// The functions in the tables that file_operations(), proc_entries() and character_devices() lead to, each
/// table once. `group` is the table's type ("file_operations"), `name` an object that has it, `object` the
/// table.
Result<Hooks> operation_functions(Kernel& kernel);

/// The file systems that can be mounted: functions of struct file_system_type. `name` is the type.
Result<Hooks> file_systems(Kernel& kernel);

/// Who can execute a file: functions of struct linux_binfmt, in the order in which they are asked.
Result<Hooks> binary_formats(Kernel& kernel);

/// What is behind device nodes: operations of character devices by number and of /dev/NAME of misc devices.
/// `group` is "chrdevs", "cdev_map" or "misc_list", `number` the device number (major << 20 | minor).
Result<Hooks> character_devices(Kernel& kernel);

}  // namespace ringside::guest::linux
