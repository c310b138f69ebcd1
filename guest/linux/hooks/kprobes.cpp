// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/kprobes.h"

#include "guest/linux/hash_buckets.h"
#include "guest/linux/hooks/trace_roots.h"
#include "guest/linux/object_reader.h"
#include "guest/linux/walkers.h"

#include <fmt/format.h>

#include <array>
#include <utility>

namespace ringside::guest::linux {

namespace {

using Member = ObjectReader::Member;
using Presence = ObjectReader::Presence;

constexpr std::uint64_t kTableSize = 64;  // KPROBE_TABLE_SIZE

/// Reads probes, and the kretprobes and rethooks around and behind them.
class Reader {
 public:
  Reader(Kernel& kernel, Listing<KprobeHandler>& listing)
      : kernel_(kernel),
        listing_(listing),
        hlist_(kernel.offset("kprobe", "hlist")),
        list_(kernel.offset("kprobe", "list")),
        in_kretprobe_(kernel.offset("kretprobe", "kp")),
        return_handler_(kernel.find_symbol("pre_handler_kretprobe")) {}

  Result<void> usable() const {
    for (const auto* offset : {&hlist_, &list_})
      if (!*offset) return fail(offset->error());
    if (!kprobe_.missing().empty()) return fail(kprobe_.missing().front());
    return {};
  }

  /// A node of the table: a probe, and those that it manages.
  void take(Gva node) {
    const Gva probe{node - Gva{*hlist_}};
    if (!take(probe, std::nullopt)) return;
    // Empty unless it is the manager of several (kernel/kprobes.c, init_aggr_kprobe).
    const auto walked = walk_list(kernel_, probe + *list_, kMaxKprobes, [&](Gva other) {
      return full() ? false : (take(Gva{other - Gva{*list_}}, probe), true);
    });
    if (!walked) listing_.problem(walked.error().within("probes at one address"));
  }

  /// Lists that a hostile guest runs into one another would be walked once for each of their probes.
  bool full() const { return taken_ >= 2 * kMaxKprobes; }

 private:
  bool take(Gva probe, std::optional<Gva> manager) {
    ++taken_;
    if (auto read = kprobe_.read(probe); !read) {
      listing_.problem(read.error().within("the kprobe at " + to_string(probe)));
      return false;
    }
    KprobeHandler handler;
    handler.probe = probe;
    handler.manager = manager;
    handler.address = kprobe_.pointer(address_).value_or(Gva{0});
    handler.flags = kprobe_.u32(flags_).value_or(0);
    const Gva pre = kprobe_.pointer(pre_).value_or(Gva{0});
    add(handler, "pre_handler", pre);
    add(handler, "post_handler", kprobe_.pointer(post_));
    add(handler, "fault_handler", kprobe_.pointer(fault_));
    if (pre.value != 0 && pre == return_handler_) take_return(handler);
    return true;
  }

  void take_return(const KprobeHandler& handler) {
    if (!in_kretprobe_) return listing_.problem(in_kretprobe_.error());
    for (const auto& missing : kretprobe_.missing()) listing_.problem(missing);
    const Gva kretprobe{handler.probe - Gva{*in_kretprobe_}};
    if (auto read = kretprobe_.read(kretprobe); !read)
      return listing_.problem(read.error().within("the kretprobe at " + to_string(kretprobe)));
    add(handler, "handler", kretprobe_.pointer(exit_));
    add(handler, "entry_handler", kretprobe_.pointer(entry_));
    const Gva rethook = kretprobe_.pointer(rethook_).value_or(Gva{0});
    if (rethook.value == 0) return;
    if (auto read = rethooks_.read(rethook); !read)
      return listing_.problem(read.error().within("the rethook at " + to_string(rethook)));
    add(handler, "rethook.handler", rethooks_.pointer(rethook_handler_));
  }

  void add(KprobeHandler handler, std::string_view slot, std::optional<Gva> function) {
    if (!function || function->value == 0) return;
    handler.slot = slot;
    handler.function = *function;
    listing_.entries.push_back(handler);
  }

  Kernel& kernel_;
  Listing<KprobeHandler>& listing_;
  Result<std::uint32_t> hlist_, list_, in_kretprobe_;
  std::optional<Gva> return_handler_;
  std::uint64_t taken_ = 0;
  ObjectReader kprobe_{kernel_, "kprobe"}, kretprobe_{kernel_, "kretprobe"}, rethooks_{kernel_, "rethook"};
  const Member address_ = kprobe_.add("addr"), flags_ = kprobe_.add("flags"),
               pre_ = kprobe_.add("pre_handler"), post_ = kprobe_.add("post_handler"),
               fault_ = kprobe_.add("fault_handler", Presence::optional);
  const Member exit_ = kretprobe_.add("handler"), entry_ = kretprobe_.add("entry_handler"),
               rethook_ = kretprobe_.add("rh", Presence::optional);
  const Member rethook_handler_ = rethooks_.add("handler", Presence::optional);
};

}  // namespace

Result<Listing<KprobeHandler>> kprobe_handlers(Kernel& kernel) {
  Listing<KprobeHandler> listing;
  RINGSIDE_TRY(const auto table, feature_root(kernel, "kprobe_table", "register_kprobe"));
  if (!table) return listing;
  Reader reader(kernel, listing);
  RINGSIDE_CHECK(reader.usable());
  walk_buckets(
      kernel, {*table, kTableSize, kernel.pointer_size(), 0, false}, kMaxKprobes,
      [&](Gva node) {
        reader.take(node);
        return !reader.full();
      },
      [&](Error error) { listing.problem(error.within("kprobe_table")); });
  if (reader.full()) listing.problem({Errc::out_of_bounds, "more kprobes than can be"});
  return listing;
}

std::string kprobe_flag_names(std::uint32_t flags) {
  static constexpr std::array<std::string_view, 5> kNames = {"GONE", "DISABLED", "OPTIMIZED", "FTRACE",
                                                             "ON_FUNC_ENTRY"};
  std::string text;
  for (std::size_t bit = 0; bit < kNames.size(); ++bit) {
    if ((flags >> bit & 1) == 0) continue;
    if (!text.empty()) text += '|';
    text += kNames[bit];
    flags &= ~(std::uint32_t{1} << bit);
  }
  if (flags != 0) text += fmt::format("{}{:#x}", text.empty() ? "" : "|", flags);
  return text;
}

}  // namespace ringside::guest::linux
