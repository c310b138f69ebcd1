// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/network.h"

namespace ringside::guest::linux {

namespace {

using Presence = ObjectReader::Presence;

/// Protocols in a list, each with its name inside or behind a pointer.
void take_list(Kernel& kernel, Hooks& into, const char* symbol, const char* type, const char* link) {
  const auto head = kernel.find_symbol(symbol);
  if (!head) return;
  HookReader reader(kernel, type, HookReader::Members::functions);
  const auto name = reader.object().add("name", Presence::optional);
  if (reader.problem()) return into.problem(reader.problem()->within(symbol));
  each_in_list(kernel, *head, type, link, symbol, into, [&](Gva at) {
    if (auto read = reader.read(at); !read) return into.problem(read.error().within(symbol));
    Hook like;
    like.group = symbol;
    like.name = reader.object().text(name).value_or("");
    reader.append(std::move(like), into);
  });
}

/// Pointers to protocols, by number.
void take_array(Kernel& kernel, Hooks& into, const char* symbol, const char* type, std::uint64_t most) {
  const auto array = kernel.find_symbol(symbol);
  if (!array) return;
  HookReader reader(kernel, type, HookReader::Members::functions);
  if (reader.problem()) return into.problem(reader.problem()->within(symbol));
  const std::uint64_t count = array_length(kernel, *array, kernel.pointer_size(), most);
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto entry = kernel.read_pointer(*array + i * kernel.pointer_size());
    if (!entry) return into.problem(entry.error().within(symbol));
    if (entry->value == 0) continue;
    if (auto read = reader.read(*entry); !read) {
      into.problem(read.error().within(std::string(symbol) + "[" + std::to_string(i) + "]"));
      continue;
    }
    Hook like;
    like.group = symbol;
    like.number = static_cast<std::int64_t>(i);
    reader.append(std::move(like), into);
  }
}

/// Lists of struct inet_protosw by type of socket: which protocol and which operations a new socket gets.
void take_socket_types(Kernel& kernel, Hooks& into, const char* symbol) {
  const auto array = kernel.find_symbol(symbol);
  if (!array) return;
  HookReader reader(kernel, "inet_protosw");
  reader.add("prot", {"prot"}, Hook::Kind::table);
  reader.add("ops", {"ops"}, Hook::Kind::table);
  const auto protocol = reader.object().add("protocol");
  if (reader.problem()) return into.problem(reader.problem()->within(symbol));
  constexpr std::uint64_t kTypes = 11;  // SOCK_MAX, include/linux/net.h
  for (std::uint64_t type = 0; type < kTypes; ++type)
    each_in_list(kernel, *array + type * 2 * kernel.pointer_size(), "inet_protosw", "list", symbol, into,
                 [&](Gva at) {
                   if (auto read = reader.read(at); !read) return into.problem(read.error().within(symbol));
                   Hook like;
                   like.group = symbol;
                   like.number = static_cast<std::int64_t>(reader.object().integer(protocol).value_or(0));
                   reader.append(std::move(like), into);
                 });
}

}  // namespace

Result<Hooks> network_protocols(Kernel& kernel) {
  RINGSIDE_CHECK(require_types(kernel));
  Hooks hooks;
  take_list(kernel, hooks, "proto_list", "proto", "node");
  constexpr std::uint64_t kProtocols = 256, kFamilies = 64;  // MAX_INET_PROTOS; AF_MAX is below 64
  take_array(kernel, hooks, "inet_protos", "net_protocol", kProtocols);
  take_array(kernel, hooks, "inet6_protos", "inet6_protocol", kProtocols);
  take_array(kernel, hooks, "inet_offloads", "net_offload", kProtocols);
  take_array(kernel, hooks, "inet6_offloads", "net_offload", kProtocols);
  take_array(kernel, hooks, "net_families", "net_proto_family", kFamilies);
  take_socket_types(kernel, hooks, "inetsw");
  take_socket_types(kernel, hooks, "inetsw6");
  take_list(kernel, hooks, "tcp_cong_list", "tcp_congestion_ops", "list");
  take_list(kernel, hooks, "tcp_ulp_list", "tcp_ulp_ops", "list");
  return hooks;
}

}  // namespace ringside::guest::linux
