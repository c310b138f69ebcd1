// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/sysctl_computed.h"

#include <array>
#include <utility>

namespace ringside::guest::linux {

SysctlComputed::SysctlComputed(Kernel& kernel) : kernel_(kernel) {
  constexpr std::pair<std::string_view, Kind> kHandlers[] = {
      {"proc_taint", Kind::taint},
      {"sysctl_max_threads", Kind::threads},
      {"sysrq_sysctl_handler", Kind::sysrq},
      {"proc_cap_handler", Kind::capabilities},
      {"ipv4_local_port_range", Kind::port_range},
      {"proc_tcp_congestion_control", Kind::congestion_control},
      {"set_default_qdisc", Kind::queueing},
      {"proc_do_static_key", Kind::static_key}};
  for (const auto& [name, kind] : kHandlers)
    if (const auto function = kernel.find_symbol(name)) kinds_.emplace(function->value, kind);
}

std::optional<std::string> SysctlComputed::value(const SysctlEntry& entry) {
  const auto found = kinds_.find(entry.handler.value);
  if (found == kinds_.end()) return std::nullopt;
  switch (found->second) {
    case Kind::taint:
      return variable("tainted_mask", kernel_.pointer_size());
    case Kind::threads:
      return variable("max_threads", 4);
    case Kind::sysrq: {
      // Booted with sysrq_always_enabled it is 1, whatever the variable says (drivers/tty/sysrq.c).
      const auto always = kernel_.find_symbol("sysrq_always_enabled");
      const auto on = always ? kernel_.read<std::uint8_t>(*always) : fail(Errc::not_found, "");
      if (!on) return std::nullopt;
      return *on != 0 ? std::optional<std::string>("1") : variable("sysrq_enabled", 4);
    }
    case Kind::capabilities:
      return capabilities(entry);
    case Kind::port_range:
      return port_range(entry);
    case Kind::congestion_control:
      return name_in(entry.data, "tcp_congestion_ops", "name");
    case Kind::queueing: {
      const auto variable_at = kernel_.find_symbol("default_qdisc_ops");
      return variable_at ? name_in(*variable_at, "Qdisc_ops", "id") : std::nullopt;
    }
    case Kind::static_key: {
      const auto enabled = kernel_.read<std::int32_t>(entry.data);  // struct static_key begins with it
      return enabled ? std::optional(std::string(*enabled != 0 ? "1" : "0")) : std::nullopt;
    }
  }
  return std::nullopt;
}

std::optional<std::string> SysctlComputed::variable(std::string_view symbol, std::uint32_t bytes) {
  const auto at = kernel_.find_symbol(symbol);
  if (!at) return std::nullopt;
  const auto value = kernel_.read_field(*at, {.size = bytes});
  return value ? std::optional(std::to_string(*value)) : std::nullopt;
}

/// Two words of 32 capabilities. Up to 6.2 `data` is a number that stands for one of two variables.
std::optional<std::string> SysctlComputed::capabilities(const SysctlEntry& entry) {
  std::optional<Gva> at = entry.data;
  if (at->value == 1) at = kernel_.find_symbol("usermodehelper_bset");
  if (at && at->value == 2) at = kernel_.find_symbol("usermodehelper_inheritable");
  if (!at) return std::nullopt;
  const auto words = kernel_.read<std::array<std::uint32_t, 2>>(*at);
  if (!words) return std::nullopt;
  return std::to_string((*words)[0]) + "\t" + std::to_string((*words)[1]);
}

/// Two ints at `data`; from 6.8 on both halves of one word in the namespace that `data` points to.
std::optional<std::string> SysctlComputed::port_range(const SysctlEntry& entry) {
  std::array<std::uint32_t, 2> range{};
  if (entry.length == sizeof(range)) {
    const auto read = kernel_.read<std::array<std::uint32_t, 2>>(entry.data);
    if (!read) return std::nullopt;
    range = *read;
  } else {
    const auto field = kernel_.field("net", "ipv4.ip_local_ports.range");
    if (!field || field->size != sizeof(std::uint32_t)) return std::nullopt;
    const auto both = kernel_.read<std::uint32_t>(entry.data + field->offset);
    if (!both) return std::nullopt;
    range = {*both & 0xffff, *both >> 16};
  }
  return std::to_string(range[0]) + "\t" + std::to_string(range[1]);
}

std::optional<std::string> SysctlComputed::name_in(Gva pointer, std::string_view type,
                                                   std::string_view member) {
  const auto field = kernel_.field(type, member);
  const auto object = kernel_.read_pointer(pointer);
  if (!field || !object || object->value == 0) return std::nullopt;
  auto name = kernel_.read_string(*object + field->offset, field->size);
  return name ? std::optional(std::move(*name)) : std::nullopt;
}

}  // namespace ringside::guest::linux
