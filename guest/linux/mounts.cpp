// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/mounts.h"

#include "guest/linux/mount_reader.h"
#include "guest/linux/walkers.h"

#include <cstdint>

namespace ringside::guest::linux {

Result<Listing<Mount>> mounts(Kernel& kernel, Gva mnt_namespace, std::optional<Path> root) {
  Listing<Mount> listing;
  MountReader reader(kernel);
  const auto visit = [&](std::uint32_t offset) {
    return [&, offset](Gva node) {
      auto mount =
          reader.read(Gva{node - Gva{offset}}, root, [&](Error error) { listing.problem(std::move(error)); });
      if (!mount)
        listing.problem(std::move(mount).error());
      else if (*mount)
        listing.entries.push_back(std::move(**mount));
      return true;
    };
  };
  Result<void> walked;
  if (const auto node = reader.node_offset()) {
    // 6.8 and newer: a tree by mnt_id_unique.
    RINGSIDE_TRY(const Field tree, kernel.field("mnt_namespace", "mounts"));
    walked = walk_rb_tree(kernel, mnt_namespace + tree.offset, kMaxMounts, visit(*node));
  } else {
    RINGSIDE_TRY(const Field list, kernel.field("mnt_namespace", "list"));
    RINGSIDE_TRY(const std::uint32_t offset, reader.list_offset());
    walked = walk_list(kernel, mnt_namespace + list.offset, kMaxMounts, visit(offset));
  }
  if (!walked) listing.problem(walked.error().within("the mounts of a namespace"));
  return listing;
}

Result<Gva> initial_mount_namespace(Kernel& kernel) {
  RINGSIDE_TRY(const Gva task, kernel.symbol("init_task"));
  RINGSIDE_TRY(const Field proxy, kernel.field("task_struct", "nsproxy"));
  RINGSIDE_TRY(const Field link, kernel.field("nsproxy", "mnt_ns"));
  RINGSIDE_TRY(const Gva namespaces, kernel.read_pointer_field(task, proxy));
  return kernel.read_pointer_field(namespaces, link);
}

Result<std::uint64_t> mount_namespace_number(Kernel& kernel, Gva mnt_namespace) {
  RINGSIDE_TRY(const Field number, kernel.field("mnt_namespace", "ns.inum"));
  return kernel.read_field(mnt_namespace, number);
}

}  // namespace ringside::guest::linux
