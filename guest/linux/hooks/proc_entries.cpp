// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/files.h"
#include "guest/linux/hooks/proc_tree.h"

#include <array>
#include <unordered_set>

namespace ringside::guest::linux {

namespace {

/// Where struct proc_dir_entry keeps what it shows: a union of a table's address and a function's.
std::optional<std::uint32_t> show_offset(Kernel& kernel) {
  const auto offset = kernel.offset("proc_dir_entry", "seq_ops");
  return offset ? std::optional(*offset) : std::nullopt;
}

}  // namespace

Result<Hooks> proc_entries(Kernel& kernel) {
  RINGSIDE_CHECK(require_types(kernel));
  Hooks hooks;
  ProcTree tree(kernel, hooks);
  if (tree.problem()) return fail(tree.problem()->within("entries of /proc"));
  const auto shown = show_offset(kernel);
  tree.walk([&](const ProcTree::Entry& entry, const HookReader& reader) {
    Hook like;
    like.group = "proc";
    like.name = "/proc" + entry.path;
    reader.append(like, hooks);
    if (entry.show_target.value == 0 || !shown || hooks.entries.size() >= kMaxHooks) return;
    const bool table = entry.show == ProcTree::Show::sequence;
    like.slot = table ? "seq_ops" : "single_show";
    like.kind = table ? Hook::Kind::table : Hook::Kind::function;
    like.object = entry.gva;
    like.place = entry.gva + *shown;
    like.target = entry.show_target;
    hooks.entries.push_back(std::move(like));
  });
  return hooks;
}

Result<Hooks> sequence_operations(Kernel& kernel) {
  RINGSIDE_CHECK(require_types(kernel));
  Hooks hooks;
  HookReader table(kernel, "seq_operations", HookReader::Members::functions);
  if (table.problem()) return fail(table.problem()->within("sequence operations"));
  std::unordered_set<std::uint64_t> seen;
  const auto take = [&](Gva at, std::string group, std::string name) {
    if (!seen.insert(at.value).second) return;
    if (auto read = table.read(at); !read)
      return hooks.problem(read.error().within("sequence operations of " + name));
    Hook like;
    like.group = std::move(group);
    like.name = std::move(name);
    table.append(std::move(like), hooks);
  };
  // Files that open these tables by themselves.
  constexpr std::array kTables = {
      "modules_op",          "kallsyms_op",      "vmalloc_op",       "vmalloc_info_op",  "cpuinfo_op",
      "mounts_op",           "slabinfo_op",      "swaps_op",         "proc_pid_maps_op", "proc_pid_smaps_op",
      "tcp4_seq_ops",        "tcp6_seq_ops",     "udp_seq_ops",      "udp6_seq_ops",     "raw_seq_ops",
      "raw6_seq_ops",        "unix_seq_ops",     "packet_seq_ops",   "partitions_op",    "kprobes_sops",
      "proc_timers_seq_ops", "bpf_link_seq_ops", "bpf_prog_seq_ops", "task_seq_ops"};
  for (const char* name : kTables)
    if (const auto at = kernel.find_symbol(name)) take(*at, name, name);
  ProcTree tree(kernel, hooks);
  if (tree.problem()) return fail(tree.problem()->within("entries of /proc"));
  tree.walk([&](const ProcTree::Entry& entry, const HookReader&) {
    if (entry.show == ProcTree::Show::sequence && entry.show_target.value != 0)
      take(entry.show_target, "proc", "/proc" + entry.path);
  });
  return hooks;
}

}  // namespace ringside::guest::linux
