// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/proc_tree.h"

#include "guest/linux/hooks/net_devices.h"
#include "guest/linux/walkers.h"

namespace ringside::guest::linux {

ProcTree::ProcTree(Kernel& kernel, Hooks& into)
    : kernel_(kernel),
      into_(into),
      entry_(kernel, "proc_dir_entry"),
      name_(entry_.object().add("name")),
      operations_(entry_.object().add({"proc_ops", "proc_fops"})),
      show_(entry_.object().add("seq_ops")),
      tree_(kernel.field("proc_dir_entry", "subdir")),
      node_(kernel.field("proc_dir_entry", "subdir_node")) {
  entry_.add("proc_iops", {"proc_iops"}, Hook::Kind::table);
  entry_.add("proc_ops", {"proc_ops", "proc_fops"}, Hook::Kind::table);
  entry_.add("proc_dops", {"proc_dops"}, Hook::Kind::table);  // before 6.15
  entry_.add("write", {"write"});
  // proc_create_seq_private(), proc_create_net_data(), proc_create_single_data(), ... (fs/proc/generic.c,
  // proc_net.c)
  for (const char* name : {"proc_seq_ops", "proc_net_seq_ops"})
    if (const auto at = kernel.find_symbol(name)) sequence_.insert(at->value);
  for (const char* name : {"proc_single_ops", "proc_net_single_ops"})
    if (const auto at = kernel.find_symbol(name)) single_.insert(at->value);
}

std::optional<Error> ProcTree::problem() const {
  if (!tree_) return tree_.error();
  if (!node_) return node_.error();
  return entry_.problem();
}

ProcTree::Show ProcTree::show_of(Gva operations) const {
  if (sequence_.contains(operations.value)) return Show::sequence;
  return single_.contains(operations.value) ? Show::single : Show::other;
}

void ProcTree::directory(Gva directory_entry, const std::string& path, unsigned depth,
                         const std::function<void(const Entry&, const HookReader&)>& visit) {
  std::vector<Entry> below;
  const auto walked = walk_rb_tree(kernel_, directory_entry + tree_->offset, kMaxEntries, [&](Gva node) {
    const Gva at{node.value - node_->offset};
    if (seen_.size() >= kMaxEntries || !seen_.insert(at.value).second) {
      into_.problem({Errc::malformed,
                     "/proc" + path + ": entry " + to_string(at) + " is met twice, or there are too many"});
      return false;
    }
    if (auto read = entry_.read(at); !read) {
      into_.problem(read.error().within("/proc" + path));
      return true;
    }
    Entry entry;
    entry.gva = at;
    const auto name = kernel_.read_string(entry_.object().pointer(name_).value_or(Gva{0}), kMaxName);
    if (!name) into_.problem(name.error().within("name of an entry of /proc" + path));
    entry.path = path + "/" + name.value_or("?");
    entry.show = show_of(entry_.object().pointer(operations_).value_or(Gva{0}));
    if (entry.show != Show::other) entry.show_target = entry_.object().pointer(show_).value_or(Gva{0});
    visit(entry, entry_);
    below.push_back(std::move(entry));
    return true;
  });
  if (!walked) into_.problem(walked.error().within("/proc" + path));
  for (const Entry& entry : below) {
    const auto first = kernel_.read_pointer(entry.gva + tree_->offset);
    if (!first || first->value == 0) continue;
    if (depth >= kMaxDepth || entry.path.size() > kMaxPath)
      into_.problem({Errc::out_of_bounds, "/proc" + path + ": directories are nested too deep"});
    else
      directory(entry.gva, entry.path, depth + 1, visit);
  }
}

void ProcTree::walk(const std::function<void(const Entry&, const HookReader&)>& visit) {
  const auto root = kernel_.symbol("proc_root");
  if (root)
    directory(*root, "", 0, visit);
  else
    into_.problem(root.error().within("/proc"));
  const auto own = kernel_.field("net", "proc_net");
  if (!own) return;
  each_net(kernel_, into_, [&](Gva net, std::optional<std::uint32_t>) {
    const auto top = kernel_.read_pointer(net + own->offset);
    if (!top) return into_.problem(top.error().within("/proc/net"));
    if (top->value != 0) directory(*top, "/net", 1, visit);
  });
}

}  // namespace ringside::guest::linux
