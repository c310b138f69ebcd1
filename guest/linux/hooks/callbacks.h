// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/hooks/hook.h"

namespace ringside::guest::linux {

/// What the kernel calls when CPUs come and go (kernel/cpu.c, cpuhp_hp_states), when the system sleeps
/// (drivers/base/syscore.c), to read the time (kernel/time/clocksource.c) and to measure
/// (kernel/events/core.c). `group` is the variable, `name` the object's own, `number` the state of cpuhp.
Result<Hooks> kernel_callbacks(Kernel& kernel);

}  // namespace ringside::guest::linux
