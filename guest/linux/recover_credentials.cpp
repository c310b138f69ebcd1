// SPDX-License-Identifier: Apache-2.0
// struct cred (include/linux/cred.h), and where a task has its own.
#include "guest/linux/recovery.h"

#include <algorithm>
#include <array>

namespace ringside::guest::linux {
namespace {

using Offset = std::uint32_t;

constexpr std::array<std::string_view, 8> kIds{"uid",  "gid",  "suid",  "sgid",
                                               "euid", "egid", "fsuid", "fsgid"};
constexpr Offset kFirstId = 4, kSecureBits = 36, kCapabilities = 40, kCapabilitySize = 8;
constexpr std::array<std::string_view, 5> kSets{"cap_inheritable", "cap_permitted", "cap_effective",
                                                "cap_bset", "cap_ambient"};
/// Keyrings, security, user and user_ns stand between the capabilities and this.
constexpr Offset kEnd = 160;

/// init_task has all ids 0, all capabilities but for the inherited ones, and belongs to init_user_ns.
bool is_first_cred(Recovery& r, std::uint32_t cred, std::uint32_t user_namespace) {
  if (!KernelPages::is_pointer(cred) || r.memory.word(cred) == 0) return false;
  for (Offset at = kFirstId; at < kSecureBits; at += 4)
    if (r.memory.get<std::uint32_t>(cred + at) != 0u) return false;
  const auto set = [&](std::size_t i) {
    return r.memory.get<std::uint64_t>(cred + kCapabilities + static_cast<Offset>(i) * kCapabilitySize);
  };
  const auto all = set(1);
  if (!all || (*all & 0xffffffff) != 0xffffffff || set(0) != 0u || set(2) != all || set(4) != 0u)
    return false;
  for (Offset at = kCapabilities + 5 * kCapabilitySize; at < kEnd; at += 4)
    if (r.memory.word(cred + at) == user_namespace) return true;
  return false;
}

}  // namespace

void recover_credentials(Recovery& r) {
  const std::uint32_t user_namespace = r.variable("init_user_ns");
  // Just before comm; all tasks have both, and they differ for moments only.
  const auto real = only_offset(r.comm_at - std::min<Offset>(r.comm_at, 64), r.comm_at - 4, [&](Offset at) {
    const auto& init = r.tasks[0];
    if (init.word(at) != init.word(at + 4) || !is_first_cred(r, init.word(at), user_namespace)) return false;
    return std::all_of(r.tasks.begin(), r.tasks.end(), [&](const SampledTask& task) {
      return KernelPages::is_pointer(task.word(at)) && KernelPages::is_pointer(task.word(at + 4));
    });
  });
  if (user_namespace == 0 || !real) {
    r.types.missing("task_struct.real_cred, cred and struct cred");
    return;
  }
  r.add_pointer("task_struct", "real_cred", *real);
  r.add_pointer("task_struct", "cred", *real + 4);

  r.add_number("cred", "usage", 0, 4, true);
  for (std::size_t i = 0; i < kIds.size(); ++i)
    r.add_struct("cred", kIds[i], kFirstId + static_cast<Offset>(i) * 4, 4, "kuid_t");
  r.add_number("kuid_t", "val", 0);
  r.add_number("kgid_t", "val", 0);
  r.add_number("cred", "securebits", kSecureBits);
  for (std::size_t i = 0; i < kSets.size(); ++i)
    r.add_struct("cred", kSets[i], kCapabilities + static_cast<Offset>(i) * kCapabilitySize, kCapabilitySize,
                 "kernel_cap_struct");

  const std::uint32_t cred = r.tasks[0].word(*real);
  const auto owner = only_offset(kCapabilities + 5 * kCapabilitySize, kEnd,
                                 [&](Offset at) { return r.memory.word(cred + at) == user_namespace; });
  if (!owner) {
    r.types.missing("cred.user_ns, group_info");
    return;
  }
  r.add_pointer("cred", "user_ns", *owner);
  // struct group_info {usage, ngroups, gid[]}, just after; that of init_task is empty (init_groups).
  const auto groups = only_offset(*owner + 4, *owner + 12, [&](Offset at) {
    const std::uint32_t info = r.memory.word(cred + at);
    const auto usage = r.memory.get<std::uint32_t>(info), count = r.memory.get<std::uint32_t>(info + 4);
    return KernelPages::is_pointer(info) && usage && *usage != 0 && *usage < 1u << 24 && count == 0u;
  });
  if (!groups) {
    r.types.missing("cred.group_info");
    return;
  }
  r.add_pointer("cred", "group_info", *groups);
  r.add_number("group_info", "usage", 0, 4, true);
  r.add_number("group_info", "ngroups", 4, 4, true);
  r.add_array("group_info", "gid", 8, 0, 4);
}

}  // namespace ringside::guest::linux
