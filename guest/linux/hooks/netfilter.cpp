// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/net_devices.h"
#include "guest/linux/hooks/network.h"

#include <array>
#include <cstddef>

namespace ringside::guest::linux {

namespace {

constexpr std::uint32_t kMaxEntries = 1024;  // MAX_HOOK_COUNT, net/netfilter/core.c
constexpr std::uint32_t kMaxHooksOfFamily = 16;

/// include/uapi/linux/netfilter.h, netfilter_arp.h, netfilter_bridge.h
std::string hook_name(std::string_view family, std::uint32_t hook) {
  constexpr std::array<const char*, 6> kNames = {"PRE_ROUTING", "LOCAL_IN",     "FORWARD",
                                                 "LOCAL_OUT",   "POST_ROUTING", "BROUTING"};
  constexpr std::array<const char*, 3> kArp = {"IN", "OUT", "FORWARD"};
  if (family == "arp" && hook < kArp.size()) return kArp[hook];
  if (family != "arp" && hook < kNames.size()) return kNames[hook];
  return std::to_string(hook);
}

/// Reads struct nf_hook_entries: a count, so many {hook, priv}, and as many pointers to the struct
/// nf_hook_ops that they were made from.
class EntriesReader {
 public:
  EntriesReader(Kernel& kernel, Hooks& into)
      : kernel_(kernel), into_(into), entry_(kernel, "nf_hook_entry"), operations_(kernel, "nf_hook_ops") {
    entry_.add("hook", {"hook"});
    priority_ = operations_.add("priority", ObjectReader::Presence::optional);
    count_ = kernel.field("nf_hook_entries", "num_hook_entries");
    first_ = kernel.field("nf_hook_entries", "hooks");
    const auto types = kernel.types();
    size_ = types ? (*types)->size_of("nf_hook_entry") : fail(types.error());
  }
  std::optional<Error> problem() const {
    if (!count_) return count_.error();
    if (!first_) return first_.error();
    if (!size_) return size_.error();
    return entry_.problem();
  }

  /// Those that the pointer at `pointer` leads to.
  void take(Gva pointer, const Hook& like) {
    if (auto done = read(pointer, like); !done)
      into_.problem(done.error().within("netfilter hooks of " + like.group + " " + like.name));
  }

 private:
  Result<void> read(Gva pointer, const Hook& like) {
    RINGSIDE_TRY(const Gva entries, kernel_.read_pointer(pointer));
    if (entries.value == 0) return {};
    RINGSIDE_TRY(const auto count, kernel_.read_field(entries, *count_));
    if (count > kMaxEntries) return fail(Errc::out_of_bounds, std::to_string(count) + " hooks");
    const Gva first = entries + first_->offset, made_from = first + count * *size_;
    for (std::uint64_t i = 0; i < count; ++i) {
      RINGSIDE_CHECK(entry_.read(first + i * *size_));
      Hook hook = like;
      const auto from = kernel_.read_pointer(made_from + i * kernel_.pointer_size());
      if (from && from->value != 0 && operations_.read(*from))
        if (const auto priority = operations_.integer(priority_))
          hook.number = static_cast<std::int64_t>(*priority);
      entry_.append(std::move(hook), into_);
    }
    return {};
  }

  Kernel& kernel_;
  Hooks& into_;
  HookReader entry_;
  ObjectReader operations_;
  ObjectReader::Member priority_ = ObjectReader::kNone;
  Result<Field> count_, first_;
  Result<std::uint64_t> size_;
};

void take_namespaces(Kernel& kernel, EntriesReader& reader, Hooks& into) {
  const auto start = kernel.offset("net", "nf");
  if (!start) return;  // a kernel without netfilter
  const std::uint32_t pointer = kernel.pointer_size();
  // decnet: before 6.1.
  for (const char* family : {"ipv4", "ipv6", "arp", "bridge", "decnet"}) {
    const auto field = kernel.field("net", std::string("nf.hooks_") + family);
    if (!field) continue;
    const std::uint32_t count = std::min(field->size / pointer, kMaxHooksOfFamily);
    each_net(kernel, into, [&](Gva net, std::optional<std::uint32_t> netns) {
      for (std::uint32_t hook = 0; hook < count; ++hook) {
        Hook like;
        like.group = family;
        like.name = hook_name(family, hook);
        like.netns = netns;
        reader.take(net + (field->offset + std::uint64_t{hook} * pointer), like);
      }
    });
  }
}

void take_devices(Kernel& kernel, EntriesReader& reader, Hooks& into) {
  const auto ingress = kernel.field("net_device", "nf_hooks_ingress"),
             egress = kernel.field("net_device", "nf_hooks_egress");  // from 5.16
  each_net_device(kernel, into, [&](Gva device, const std::string& name, std::optional<std::uint32_t> netns) {
    for (const auto* field : {&ingress, &egress}) {
      if (!*field) continue;
      Hook like;
      like.group = field == &ingress ? "ingress" : "egress";
      like.name = name;
      like.netns = netns;
      reader.take(device + (*field)->offset, like);
    }
  });
}

}  // namespace

Result<Hooks> netfilter_hooks(Kernel& kernel) {
  RINGSIDE_CHECK(require_types(kernel));
  Hooks hooks;
  if (!kernel.field("net", "nf")) return hooks;
  EntriesReader reader(kernel, hooks);
  if (reader.problem()) return fail(reader.problem()->within("netfilter hooks"));
  take_namespaces(kernel, reader, hooks);
  take_devices(kernel, reader, hooks);
  return hooks;
}

}  // namespace ringside::guest::linux
