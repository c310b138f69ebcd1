// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"

#include <optional>
#include <string_view>

namespace ringside::guest::linux {

/// A CPU holds the lock and is changing what it guards, at the moment that was read. False as well where this
/// kernel's locks are others (PREEMPT_RT) or their layout is not known.

/// An rwlock_t, held for writing (include/asm-generic/qrwlock_types.h).
bool write_locked(Kernel& kernel, std::string_view variable);
/// A spinlock_t (include/asm-generic/qspinlock_types.h).
bool spin_locked(Kernel& kernel, std::string_view variable);

/// The task_struct that holds a struct mutex (include/linux/mutex.h: without PREEMPT_RT its first word, with
/// it that of an rt_mutex; the low bits are flags); 0: nobody does. nullopt: the kernel has no such variable,
/// or it cannot be read.
std::optional<Gva> mutex_owner(Kernel& kernel, std::string_view variable);

}  // namespace ringside::guest::linux
