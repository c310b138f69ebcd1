// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/sysctl_tree.h"

#include "guest/linux/walkers.h"

#include <algorithm>

namespace ringside::guest::linux {

namespace {

constexpr std::uint64_t kMaxEntries = 1u << 18;  // some 250 a network interface
constexpr std::uint64_t kMaxTable = 1u << 16;    // entries registered at once
constexpr unsigned kMaxDepth = 16;
constexpr std::size_t kMaxName = 256;
constexpr std::uint32_t kTypeMask = 0170000, kDirectory = 0040000, kLink = 0120000;

}  // namespace

SysctlTree::SysctlTree(Kernel& kernel)
    : kernel_(kernel),
      node_(kernel, "ctl_node"),
      header_(kernel, "ctl_table_header"),
      table_(kernel, "ctl_table"),
      node_header_(node_.add("header")),
      tables_(header_.add("ctl_table")),
      nodes_(header_.add("node")),
      size_(header_.add("ctl_table_size", ObjectReader::Presence::optional)),
      leaving_(header_.add("unregistering")),
      name_(table_.add("procname")),
      data_(table_.add("data")),
      length_(table_.add("maxlen")),
      mode_(table_.add("mode")),
      handler_(table_.add("proc_handler")),
      left_(kMaxEntries) {
  const auto need = [&](auto result, auto& into) {
    if (result)
      into = *result;
    else if (!unusable_)
      unusable_ = result.error();
  };
  need(kernel.field("ctl_table_set", "dir"), root_directory_);
  need(kernel.field("ctl_dir", "root"), tree_);
  need(kernel.field("ctl_dir", "header"), header_in_directory_);
  need(kernel.field("ctl_node", "node"), hook_);
  if (const auto types = kernel.types()) {
    need((*types)->size_of("ctl_node"), node_size_);
    need((*types)->size_of("ctl_table"), table_size_);
  }
  for (const auto* reader : {&node_, &header_, &table_})
    if (!unusable_ && !reader->missing().empty()) unusable_ = reader->missing().front();
}

Result<void> SysctlTree::usable() const {
  if (unusable_) return fail(*unusable_);
  return {};
}

void SysctlTree::walk(Gva set, const Sink& sink) {
  walk_directory(set + root_directory_->offset, "", 0, sink);
}

void SysctlTree::walk_directory(Gva directory, const std::string& prefix, unsigned depth, const Sink& sink) {
  const auto walked = walk_rb_tree(kernel_, directory + tree_->offset, left_, [&](Gva node) {
    if (auto done = visit(Gva{node.value - hook_->offset}, prefix, depth, sink); !done)
      sink.problem(done.error().within("sysctl " + (prefix.empty() ? "root" : prefix)));
    return left_ > 0;
  });
  if (!walked) sink.problem(walked.error().within("sysctl " + (prefix.empty() ? "root" : prefix)));
}

/// `node`: struct ctl_node. The nodes of the tables that were registered together are an array, and so are
/// the tables.
Result<void> SysctlTree::visit(Gva node, const std::string& prefix, unsigned depth, const Sink& sink) {
  if (left_ == 0) return fail(Errc::out_of_bounds, "more than " + std::to_string(kMaxEntries) + " values");
  --left_;
  RINGSIDE_CHECK(node_.read(node));
  const Gva header = node_.pointer(node_header_).value_or(Gva{0});
  RINGSIDE_CHECK(header_.read(header));
  if (header_.pointer(leaving_).value_or(Gva{0}).value != 0) return {};
  const Gva tables = header_.pointer(tables_).value_or(Gva{0}),
            nodes = header_.pointer(nodes_).value_or(Gva{0});
  const std::uint64_t distance = node - nodes, index = distance / node_size_;
  const std::uint64_t count = std::min(header_.integer(size_).value_or(kMaxTable), kMaxTable);
  if (distance % node_size_ != 0 || index >= count)
    return fail(Errc::malformed, "the node at " + to_string(node) + " is none of its table's");
  SysctlEntry entry;
  entry.gva = tables + index * table_size_;
  RINGSIDE_CHECK(table_.read(entry.gva));
  RINGSIDE_TRY(std::string name, kernel_.read_string(table_.pointer(name_).value_or(Gva{0}), kMaxName));
  // sysctl(8) writes the slash as a dot, and the dot as a slash.
  std::replace(name.begin(), name.end(), '.', '/');
  entry.name = prefix + name;
  entry.mode = table_.u32(mode_).value_or(0);
  if ((entry.mode & kTypeMask) == kLink) return {};
  if ((entry.mode & kTypeMask) == kDirectory) {
    if (depth == kMaxDepth) return fail(Errc::out_of_bounds, "directories are nested too deep");
    const std::string below = entry.name + ".";
    if (sink.enter(below))
      walk_directory(Gva{header.value - header_in_directory_->offset}, below, depth + 1, sink);
    return {};
  }
  entry.data = table_.pointer(data_).value_or(Gva{0});
  entry.handler = table_.pointer(handler_).value_or(Gva{0});
  entry.length = table_.u32(length_).value_or(0);
  sink.entry(std::move(entry));
  return {};
}

}  // namespace ringside::guest::linux
