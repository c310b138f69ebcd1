// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/linux_macro.h"

#include <cstdint>

namespace ringside::guest::linux {

/// The letter that /proc/PID/stat shows for a task (fs/proc/array.c task_state_array, include/linux/sched.h
/// __task_state_index): R S D T t X Z P I. `state`: task_struct.__state, before 5.14 task_struct.state.
/// `exit_state`: task_struct.exit_state. `major`, `minor`: of the kernel's release.
char task_state_letter(std::uint32_t state, std::uint32_t exit_state, unsigned major, unsigned minor);

}  // namespace ringside::guest::linux
