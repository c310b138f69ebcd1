// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/views/held_locks.h"

namespace ringside::guest::linux {

namespace {

bool member_is_set(Kernel& kernel, std::string_view variable, std::string_view type, std::string_view path) {
  const auto at = kernel.find_symbol(variable);
  const auto field = kernel.field(type, path);
  if (!at || !field) return false;
  const auto value = kernel.read_field(*at, *field);
  return value && *value != 0;
}

}  // namespace

bool write_locked(Kernel& kernel, std::string_view variable) {
  return member_is_set(kernel, variable, "rwlock_t", "raw_lock.wlocked");
}

bool spin_locked(Kernel& kernel, std::string_view variable) {
  return member_is_set(kernel, variable, "spinlock_t", "rlock.raw_lock.locked");
}

std::optional<Gva> mutex_owner(Kernel& kernel, std::string_view variable) {
  const auto at = kernel.find_symbol(variable);
  if (!at) return std::nullopt;
  // PREEMPT_RT: the second name is that of the patches for 5.10.
  auto sleeping = kernel.offset("mutex", "rtmutex.owner");
  if (!sleeping) sleeping = kernel.offset("mutex", "lock.owner");
  const auto word = kernel.read_pointer(*at + sleeping.value_or(0));
  if (!word) return std::nullopt;
  return Gva{word->value & ~std::uint64_t{7}};
}

}  // namespace ringside::guest::linux
