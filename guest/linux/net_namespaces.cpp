// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/net_namespaces.h"

#include "guest/linux/walkers.h"

namespace ringside::guest::linux {

Result<Listing<NetNamespace>> net_namespaces(Kernel& kernel) {
  RINGSIDE_TRY(const Field list, kernel.field("net", "list"));
  RINGSIDE_TRY(const Field number, kernel.field("net", "ns.inum"));
  RINGSIDE_TRY(const Gva head, kernel.symbol("net_namespace_list"));
  Listing<NetNamespace> listing;
  auto walked = walk_list(kernel, head, kMaxNetNamespaces, [&](Gva node) {
    NetNamespace found{Gva{node.value - list.offset}, std::nullopt};
    if (const auto read = kernel.read_field(found.gva, number))
      found.number = static_cast<std::uint32_t>(*read);
    else
      listing.problem(read.error().within("number of a network namespace"));
    listing.entries.push_back(found);
    return true;
  });
  if (!walked) listing.problem(walked.error().within("list of network namespaces"));
  return listing;
}

}  // namespace ringside::guest::linux
