// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "guest/address.h"
#include "guest/linux/kernel.h"
#include "guest/linux/paths.h"

#include <cstddef>
#include <string>
#include <vector>

// What /proc/PID shows of one process beside its numbers. `mm`: task.mm; `fs`: task.fs.
namespace ringside::guest::linux {

/// Most bytes that are read of a command line or an environment.
inline constexpr std::size_t kMaxArgumentBytes = 64u << 10;

/// /proc/PID/cmdline byte for byte (get_mm_cmdline, fs/proc/base.c), cut at kMaxArgumentBytes: arguments,
/// each with its NUL. Empty for a process that has none. Errors as ProcessMemory::read: "swapped out" and so
/// on.
Result<std::string> command_line(Kernel& kernel, Gva mm);
/// /proc/PID/environ, the same way.
Result<std::string> environment(Kernel& kernel, Gva mm);
/// The strings of a NUL-separated block.
std::vector<std::string> split_strings(std::string_view block);
/// The same for people: the strings with one space between them.
std::string join_strings(std::string_view block);

/// /proc/PID/exe; `not_found` for a process that has none (a kernel thread).
Result<std::string> executable_path(Kernel& kernel, Gva mm);
/// mm.exe_file: struct file; 0: none.
Result<Gva> executable_file(Kernel& kernel, Gva mm);
/// /proc/PID/cwd and /proc/PID/root.
Result<std::string> working_directory(Kernel& kernel, Gva fs);
Result<std::string> root_directory(Kernel& kernel, Gva fs);
/// fs.root.
Result<Path> process_root(Kernel& kernel, Gva fs);

}  // namespace ringside::guest::linux
