// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/net_devices.h"
#include "guest/linux/hooks/network.h"

namespace ringside::guest::linux {

namespace {

/// A 16-bit number that the kernel keeps in network order.
std::int64_t from_network(std::uint64_t value) {
  return static_cast<std::int64_t>((value & 0xff) << 8 | ((value >> 8) & 0xff));
}

class HandlerLists {
 public:
  HandlerLists(Kernel& kernel, Hooks& into, std::string_view type)
      : kernel_(kernel),
        into_(into),
        type_(type),
        handler_(kernel, type, HookReader::Members::functions),
        protocol_(handler_.object().add("type")),
        device_(handler_.object().add("dev", ObjectReader::Presence::optional)),
        device_name_(kernel.field("net_device", "name")) {}
  std::optional<Error> problem() const { return handler_.problem(); }

  void take(Gva head, const std::string& group, std::optional<std::uint32_t> netns = {}) {
    each_in_list(kernel_, head, type_, "list", group, into_, [&](Gva at) {
      if (auto read = handler_.read(at); !read) return into_.problem(read.error().within(group));
      Hook like;
      like.group = group;
      like.netns = netns;
      like.number = from_network(handler_.object().integer(protocol_).value_or(0));
      constexpr std::size_t kNameSize = 16;  // IFNAMSIZ
      const Gva device = handler_.object().pointer(device_).value_or(Gva{0});
      if (device.value != 0 && device_name_)
        like.name = text_at(kernel_, device + device_name_->offset, kNameSize);
      handler_.append(std::move(like), into_);
    });
  }

 private:
  Kernel& kernel_;
  Hooks& into_;
  std::string type_;
  HookReader handler_;
  ObjectReader::Member protocol_, device_;
  Result<Field> device_name_;
};

void take_offloads(Kernel& kernel, Hooks& into) {
  // Before 6.9 a variable of its own (include/net/hotdata.h).
  auto head = kernel.find_symbol("offload_base");
  if (!head) {
    const auto data = kernel.find_symbol("net_hotdata");
    const auto member = kernel.field("net_hotdata", "offload_base");
    if (data && member) head = *data + member->offset;
  }
  if (!head) return;
  HandlerLists offloads(kernel, into, "packet_offload");
  if (offloads.problem()) return into.problem(offloads.problem()->within("offload_base"));
  offloads.take(*head, "offload_base");
}

}  // namespace

Result<Hooks> packet_handlers(Kernel& kernel) {
  RINGSIDE_CHECK(require_types(kernel));
  Hooks hooks;
  HandlerLists handlers(kernel, hooks, "packet_type");
  if (handlers.problem()) return fail(handlers.problem()->within("packet handlers"));
  RINGSIDE_TRY(const Gva base, kernel.symbol("ptype_base"));
  const std::uint64_t list_size = std::uint64_t{2} * kernel.pointer_size();
  constexpr std::uint64_t kBuckets = 16;  // PTYPE_HASH_SIZE, include/linux/netdevice.h
  for (std::uint64_t bucket = 0; bucket < kBuckets; ++bucket)
    handlers.take(base + bucket * list_size, "ptype_base");
  if (const auto all = kernel.find_symbol("ptype_all")) handlers.take(*all, "ptype_all");
  for (const char* list : {"ptype_all", "ptype_specific"}) {
    if (const auto field = kernel.field("net", list))  // from 6.17
      each_net(kernel, hooks, [&](Gva net, std::optional<std::uint32_t> netns) {
        handlers.take(net + field->offset, list, netns);
      });
    if (const auto field = kernel.field("net_device", list))
      each_net_device(kernel, hooks, [&](Gva device, const std::string&, std::optional<std::uint32_t> netns) {
        handlers.take(device + field->offset, list, netns);
      });
  }
  take_offloads(kernel, hooks);
  return hooks;
}

}  // namespace ringside::guest::linux
