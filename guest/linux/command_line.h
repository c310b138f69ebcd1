// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"

#include <string>

namespace ringside::guest::linux {

/// What the kernel was booted with, as /proc/cmdline shows it (saved_command_line, init/main.c), at most 4096
/// bytes. Errors: `not_found` or `unavailable` where it cannot be found, or what reading it said.
Result<std::string> command_line(Kernel& kernel);

}  // namespace ringside::guest::linux
