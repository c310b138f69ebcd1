// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/sockets.h"

#include "guest/linux/net_namespaces.h"
#include "guest/linux/socket_owners.h"
#include "guest/linux/socket_reader.h"
#include "guest/linux/socket_tables.h"

#include <unordered_map>

namespace ringside::guest::linux {

namespace {

/// Sockets by address, in the order in which they were found.
class Collection {
 public:
  Collection(Listing<Socket>& listing, SocketReader& reader) : listing_(listing), reader_(reader) {}

  /// The socket at `sk`, read at its first mention; nullptr if there can be no more, or if it cannot be read.
  Socket* at(Gva sk) {
    const auto known = index_.find(sk.value);
    if (known != index_.end())
      return known->second == kUnreadable ? nullptr : &listing_.entries[known->second];
    if (full()) return nullptr;
    auto socket = reader_.read(sk, [this](Error error) { listing_.problem(std::move(error)); });
    if (!socket) {
      index_[sk.value] = kUnreadable;
      listing_.problem(socket.error().within("socket at " + to_string(sk)));
      return nullptr;
    }
    index_[sk.value] = listing_.entries.size();
    listing_.entries.push_back(std::move(*socket));
    return &listing_.entries.back();
  }
  bool full() const { return index_.size() >= kMaxSockets; }

 private:
  static constexpr std::size_t kUnreadable = ~std::size_t{0};
  Listing<Socket>& listing_;
  SocketReader& reader_;
  std::unordered_map<std::uint64_t, std::size_t> index_;
};

void note_owner(Socket& socket, const SocketOwner& owner) {
  ++socket.owners;
  socket.in_file = true;
  if (!socket.owner || owner.pid < socket.owner->pid) socket.owner = owner;
}

}  // namespace

Result<Listing<Socket>> sockets(Kernel& kernel) {
  RINGSIDE_TRY(const auto namespaces, net_namespaces(kernel));
  std::unordered_map<std::uint64_t, std::optional<std::uint32_t>> numbers;
  for (const auto& space : namespaces.entries) numbers[space.gva.value] = space.number;
  SocketReader reader(kernel, [&](Gva net) {
    const auto found = numbers.find(net.value);
    return found == numbers.end() ? std::nullopt : found->second;
  });
  RINGSIDE_CHECK(reader.usable());

  Listing<Socket> listing;
  const auto problem = [&](Error error) { listing.problem(std::move(error)); };
  for (const auto& error : namespaces.problems) problem(error);
  for (const auto& error : reader.missing()) problem(error);

  Collection collection(listing, reader);
  SocketTables tables(
      kernel, namespaces.entries,
      [&](Gva sk) {
        if (Socket* socket = collection.at(sk)) socket->in_table = true;
        return !collection.full();
      },
      problem);
  tables.walk_all();

  const auto owned = owned_sockets(kernel);
  if (!owned) {
    problem(owned.error().within("owners of sockets"));
  } else {
    for (const auto& error : owned->problems) problem(error);
    for (const auto& [sk, owner] : owned->entries)
      if (Socket* socket = collection.at(sk)) note_owner(*socket, owner);
  }
  if (collection.full())
    problem({Errc::out_of_bounds, "more than " + std::to_string(kMaxSockets) + " sockets"});
  return listing;
}

}  // namespace ringside::guest::linux
