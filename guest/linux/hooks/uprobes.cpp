// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/uprobes.h"

#include "guest/linux/hooks/trace_roots.h"
#include "guest/linux/object_reader.h"
#include "guest/linux/paths.h"
#include "guest/linux/walkers.h"

#include <unordered_set>

namespace ringside::guest::linux {

namespace {

using Member = ObjectReader::Member;
using Presence = ObjectReader::Presence;

class Reader {
 public:
  Reader(Kernel& kernel, bool paths, Listing<UprobeHandler>& listing)
      : kernel_(kernel),
        paths_(paths),
        listing_(listing),
        node_(kernel.offset("uprobe", "rb_node")),
        consumers_(kernel.field("uprobe", "consumers")),
        link_(kernel.offset("uprobe_consumer", "cons_node")),
        aliases_(kernel.field("inode", "i_dentry")),
        alias_(kernel.field_of("dentry", {"d_u.d_alias", "d_alias"})) {}

  Result<void> usable() const {
    if (!node_) return fail(node_.error());
    if (!consumers_) return fail(consumers_.error());
    for (const auto* reader : {&uprobe_, &consumer_})
      if (!reader->missing().empty()) return fail(reader->missing().front());
    return {};
  }

  void take(Gva node) {
    const Gva probe{node - Gva{*node_}};
    if (auto read = uprobe_.read(probe); !read)
      return listing_.problem(read.error().within("the uprobe at " + to_string(probe)));
    UprobeHandler handler;
    handler.probe = probe;
    handler.inode = uprobe_.pointer(inode_).value_or(Gva{0});
    handler.offset = uprobe_.integer(offset_).value_or(0);
    if (const auto number = inode_reader_.read(handler.inode); number)
      handler.inode_number = inode_reader_.integer(number_);
    if (paths_) handler.path = path(handler.inode);
    if (auto walked = walk_consumers(handler); !walked)
      listing_.problem(walked.error().within("consumers of the uprobe at " + to_string(probe)));
  }
  /// Consumers of all probes together: a hostile guest may give each probe the same ones.
  bool full() const { return taken_ >= kMaxUprobes; }

 private:
  /// A list from 6.12 on, before that a chain.
  Result<void> walk_consumers(const UprobeHandler& handler) {
    const Gva head = handler.probe + consumers_->offset;
    if (link_)
      return walk_list(kernel_, head, kMaxUprobeConsumers, [&](Gva node) {
        add(handler, Gva{node - Gva{*link_}});
        return !full();
      });
    RINGSIDE_TRY(Gva at, kernel_.read_pointer(head));
    for (std::unordered_set<std::uint64_t> seen; at.value != 0;) {
      if (seen.size() >= kMaxUprobeConsumers || !seen.insert(at.value).second)
        return fail(Errc::malformed, "they do not end");
      if (!add(handler, at)) break;
      at = consumer_.pointer(next_).value_or(Gva{0});
    }
    return {};
  }

  bool add(UprobeHandler handler, Gva consumer) {
    if (full()) return false;
    ++taken_;
    if (auto read = consumer_.read(consumer); !read) {
      listing_.problem(read.error().within("the uprobe_consumer at " + to_string(consumer)));
      return false;
    }
    handler.consumer = consumer;
    for (const auto& [slot, member] :
         {std::pair("handler", handler_), std::pair("ret_handler", exit_), std::pair("filter", filter_)}) {
      handler.function = consumer_.pointer(member).value_or(Gva{0});
      handler.slot = slot;
      if (handler.function.value != 0) listing_.entries.push_back(handler);
    }
    return true;
  }

  /// By the first of the inode's names that is in memory.
  std::optional<std::string> path(Gva inode) {
    if (!aliases_ || !alias_) return std::nullopt;
    const auto first = kernel_.read_pointer_field(inode, *aliases_);
    if (!first || first->value == 0) return std::nullopt;
    auto found = path_in_filesystem(kernel_, Gva{*first - Gva{alias_->offset}});
    return found ? std::optional(std::move(*found)) : std::nullopt;
  }

  Kernel& kernel_;
  bool paths_;
  std::uint64_t taken_ = 0;
  Listing<UprobeHandler>& listing_;
  Result<std::uint32_t> node_;
  Result<Field> consumers_;
  Result<std::uint32_t> link_;
  Result<Field> aliases_, alias_;
  ObjectReader uprobe_{kernel_, "uprobe"}, consumer_{kernel_, "uprobe_consumer"},
      inode_reader_{kernel_, "inode"};
  const Member inode_ = uprobe_.add("inode"), offset_ = uprobe_.add("offset");
  const Member handler_ = consumer_.add("handler"), exit_ = consumer_.add("ret_handler"),
               filter_ = consumer_.add("filter", Presence::optional),
               next_ = consumer_.add("next", Presence::optional);
  const Member number_ = inode_reader_.add("i_ino", Presence::optional);
};

}  // namespace

Result<Listing<UprobeHandler>> uprobe_handlers(Kernel& kernel, bool paths) {
  Listing<UprobeHandler> listing;
  RINGSIDE_TRY(const auto tree, feature_root(kernel, "uprobes_tree", "uprobe_register"));
  if (!tree) return listing;
  Reader reader(kernel, paths, listing);
  RINGSIDE_CHECK(reader.usable());
  const auto walked = walk_rb_tree(kernel, *tree, kMaxUprobes, [&](Gva node) {
    reader.take(node);
    return !reader.full();
  });
  if (reader.full()) listing.problem({Errc::out_of_bounds, "more uprobes than can be"});
  if (!walked) listing.problem(walked.error().within("uprobes_tree"));
  return listing;
}

}  // namespace ringside::guest::linux
