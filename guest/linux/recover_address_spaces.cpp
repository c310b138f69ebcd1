// SPDX-License-Identifier: Apache-2.0
// struct mm_struct (include/linux/mm_types.h): page tables, where arguments and environment stand.
#include "guest/linux/recovery.h"

#include <algorithm>
#include <array>
#include <map>

namespace ringside::guest::linux {
namespace {

using Offset = std::uint32_t;

constexpr std::size_t kLookedAt = 640;
/// TASK_SIZE of i386 (arch/x86/include/asm/page_32_types.h).
constexpr std::uint32_t kUserEnd = 0xc0000000;
/// include/uapi/linux/auxvec.h, asm/auxvec.h: the first two entries of an auxiliary vector on i386.
constexpr std::uint32_t kAtSysinfo = 32, kAtSysinfoEhdr = 33;

/// Memory of one process, and the task that leads it.
struct Sampled {
  std::uint32_t leader = 0;
  SampledTask mm;
};

std::vector<Sampled> sample_all(Recovery& r) {
  std::vector<Sampled> all;
  for (const auto& task : r.tasks) {
    const std::uint32_t mm = task.word(r.mm_at);
    Bytes bytes(kLookedAt);
    if (KernelPages::is_pointer(mm) && r.memory.read(mm, bytes))
      all.push_back({task.address(), SampledTask(mm, std::move(bytes))});
  }
  return all;
}

template <class Fits>
std::optional<Offset> only_in_all(const std::vector<Sampled>& all, Fits&& fits) {
  return only_offset(0, kLookedAt - 64, [&](Offset at) {
    return std::all_of(all.begin(), all.end(), [&](const Sampled& one) { return fits(one, at); });
  });
}

/// start_code to env_end, eleven addresses of user memory in a row, then the auxiliary vector.
void find_arguments(Recovery& r, const std::vector<Sampled>& all) {
  constexpr std::array<std::string_view, 11> kNames{"start_code", "end_code",  "start_data",  "end_data",
                                                    "start_brk",  "brk",       "start_stack", "arg_start",
                                                    "arg_end",    "env_start", "env_end"};
  const auto start = only_in_all(all, [&](const Sampled& one, Offset at) {
    const auto word = [&](std::size_t i) { return one.mm.word(at + 4 * static_cast<Offset>(i)); };
    if (word(11) != kAtSysinfo || word(13) != kAtSysinfoEhdr) return false;
    for (std::size_t i = 0; i < 11; ++i)
      if (word(i) >= kUserEnd) return false;
    return word(0) < word(1) && word(2) <= word(3) && word(4) <= word(5) && word(6) <= word(7) &&
           word(7) <= word(8) && word(9) <= word(10);
  });
  if (!start) {
    r.types.missing("mm_struct.arg_start, arg_end, env_start, env_end, brk");
    return;
  }
  Offset at = *start;
  for (const auto name : kNames) {
    r.add_number("mm_struct", name, at);
    at += 4;
  }
}

/// pgd: tables that map the kernel's text to where it is.
void find_page_tables(Recovery& r, const std::vector<Sampled>& all) {
  const auto& identity = r.kernel().identity();
  const bool pae = identity.root.mode == x86::PagingMode::pae;
  const std::uint64_t direct_map = identity.image.first.value - identity.image_gpa.value;
  std::map<std::uint32_t, bool> known;
  const auto is_root = [&](std::uint32_t table) {
    if (!KernelPages::is_pointer(table, pae ? 32 : 4096)) return false;
    const auto [place, fresh] = known.emplace(table, false);
    if (!fresh) return place->second;
    x86::PagingRoot root = identity.root;
    root.table = Gpa{table - direct_map};
    const auto there = x86::PageTables(r.kernel().snapshot(), root).translate(identity.image.first);
    place->second = there && there->gpa == identity.image_gpa;
    return place->second;
  };
  const auto pgd = only_in_all(all, [&](const Sampled& one, Offset at) { return is_root(one.mm.word(at)); });
  if (pgd)
    r.add_pointer("mm_struct", "pgd", *pgd);
  else
    r.types.missing("mm_struct.pgd");
}

/// owner leads back to a task that has this memory; user_ns and exe_file follow it.
void find_owner(Recovery& r, const std::vector<Sampled>& all) {
  const std::uint32_t user_namespace = r.variable("init_user_ns");
  const auto owner = only_in_all(all, [&](const Sampled& one, Offset at) {
    const std::uint32_t task = one.mm.word(at);
    return KernelPages::is_pointer(task) && r.memory.word(task + r.mm_at) == one.mm.address();
  });
  const bool fits =
      owner && user_namespace != 0 && std::any_of(all.begin(), all.end(), [&](const Sampled& one) {
        return one.mm.word(*owner + 4) == user_namespace;
      });
  if (!fits) {
    r.types.missing("mm_struct.owner, user_ns");
    return;
  }
  r.add_pointer("mm_struct", "owner", *owner);
  r.add_pointer("mm_struct", "user_ns", *owner + 4);
}

}  // namespace

void recover_address_spaces(Recovery& r) {
  if (r.mm_at == 0) return;
  const auto all = sample_all(r);
  if (all.empty()) {
    r.types.missing("struct mm_struct: no process with memory of its own was seen");
    return;
  }
  find_arguments(r, all);
  find_page_tables(r, all);
  find_owner(r, all);
}

}  // namespace ringside::guest::linux
