// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/sysctl_tree.h"

#include "guest/linux/walkers.h"

#include <algorithm>
#include <array>
#include <span>

namespace ringside::guest::linux {

namespace {

constexpr std::uint64_t kMaxTogether = 1u << 16;  // tables registered at once
constexpr unsigned kMaxDepth = 16;
constexpr std::size_t kMaxName = 256, kMaxPath = 512;
constexpr std::uint32_t kTypeMask = 0170000, kDirectory = 0040000, kLink = 0120000;

std::string described(const std::string& prefix) {
  return "sysctl " + (prefix.empty() ? std::string("root") : prefix.substr(0, prefix.size() - 1));
}

}  // namespace

void SysctlTree::walk(Gva set, const Sink& sink) {
  walk_directory(set + layout_.set_directory, "", 0, sink);
}

void SysctlTree::walk_directory(Gva directory, const std::string& prefix, unsigned depth, const Sink& sink) {
  const auto walked = walk_rb_tree(kernel_, directory + layout_.directory_tree, left_, [&](Gva node) {
    if (auto done = visit(Gva{node.value - layout_.node_hook}, prefix, depth, sink); !done)
      sink.problem(done.error().within(described(prefix)));
    return left_ > 0;
  });
  if (!walked) sink.problem(walked.error().within(described(prefix)));
}

Result<SysctlTree::Header> SysctlTree::header_at(Gva gva) {
  if (gva == last_.gva) return last_;
  Header header;
  header.gva = gva;
  RINGSIDE_TRY(header.tables, kernel_.read_pointer(gva + layout_.header_tables));
  RINGSIDE_TRY(header.nodes, kernel_.read_pointer(gva + layout_.header_nodes));
  RINGSIDE_TRY(const Gva leaving, kernel_.read_pointer(gva + layout_.header_leaving));
  header.leaving = leaving.value != 0;
  header.count = kMaxTogether;
  if (layout_.header_count) {
    RINGSIDE_TRY(const auto count, kernel_.read<std::uint32_t>(gva + *layout_.header_count));
    header.count = std::min<std::uint64_t>(count, kMaxTogether);
  }
  last_ = header;
  return header;
}

Result<SysctlEntry> SysctlTree::entry_at(Gva gva, const std::string& prefix) {
  SysctlEntry entry;
  entry.gva = gva;
  RINGSIDE_TRY(const Gva name_at, kernel_.read_pointer(gva + layout_.name));
  RINGSIDE_TRY(entry.data, kernel_.read_pointer(gva + layout_.data));
  RINGSIDE_TRY(entry.length, kernel_.read<std::uint32_t>(gva + layout_.length));
  RINGSIDE_TRY(entry.mode, kernel_.read<std::uint16_t>(gva + layout_.mode));
  RINGSIDE_TRY(entry.handler, kernel_.read_pointer(gva + layout_.handler));
  RINGSIDE_TRY(std::string name, kernel_.read_string(name_at, kMaxName));
  // sysctl(8) writes the slash as a dot, and the dot as a slash.
  std::replace(name.begin(), name.end(), '.', '/');
  entry.name = prefix + name;
  if (entry.name.size() > kMaxPath)
    return fail(Errc::out_of_bounds, "a name of " + std::to_string(entry.name.size()) + " bytes");
  return entry;
}

/// `node`: struct ctl_node.
Result<void> SysctlTree::visit(Gva node, const std::string& prefix, unsigned depth, const Sink& sink) {
  if (--left_ == 0) return fail(Errc::out_of_bounds, "more than " + std::to_string(kMaxEntries) + " entries");
  RINGSIDE_TRY(const Gva header_at_, kernel_.read_pointer(node + layout_.node_header));
  RINGSIDE_TRY(const Header header, header_at(header_at_));
  if (header.leaving) return {};
  const std::uint64_t distance = node - header.nodes, index = distance / layout_.node_size;
  if (distance % layout_.node_size != 0 || index >= header.count)
    return fail(Errc::malformed, "the node at " + to_string(node) + " is none of its table's");
  RINGSIDE_TRY(SysctlEntry entry, entry_at(header.tables + index * layout_.table_size, prefix));
  switch (entry.mode & kTypeMask) {
    case kLink:
      return {};
    case kDirectory: {
      if (depth == kMaxDepth) return fail(Errc::out_of_bounds, "directories are nested too deep");
      const std::string below = entry.name + ".";
      if (sink.enter(below))
        walk_directory(Gva{header.gva.value - layout_.directory_header}, below, depth + 1, sink);
      return {};
    }
    default:
      sink.entry(std::move(entry));
      return {};
  }
}

}  // namespace ringside::guest::linux
