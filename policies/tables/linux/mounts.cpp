// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/mounts.h"

#include "policies/tables/linux/each_process.h"

#include <set>

namespace ringside::policies {

namespace {

namespace linux = guest::linux;

/// The mount namespaces that processes live in.
Result<std::set<guest::Gva>> namespaces(linux::Kernel& kernel, RowSink& sink) {
  RINGSIDE_TRY(const auto link, kernel.field("nsproxy", "mnt_ns"));
  std::set<guest::Gva> proxies, found;
  RINGSIDE_CHECK(each_process(kernel, {}, sink, [&](const linux::Task& task) {
    if (task.nsproxy && *task.nsproxy != guest::Gva{0}) proxies.insert(*task.nsproxy);
    return true;
  }));
  for (const auto proxy : proxies) {
    const auto address = kernel.read_pointer_field(proxy, link);
    if (address)
      found.insert(*address);
    else
      sink.incomplete(address.error().within("a mount namespace"));
  }
  return found;
}

std::vector<Value> row(Value number, bool initial, const linux::Mount& mount) {
  return {std::move(number),          cell(initial),
          std::int64_t{mount.id},     std::int64_t{mount.parent_id},
          device_cell(mount.device),  cell_or_null(mount.root),
          cell_or_null(mount.point),  cell(mount.options),
          cell(mount.propagation),    mount.filesystem.empty() ? null_cell() : cell(mount.filesystem),
          cell_or_null(mount.source), mount.super_options.empty() ? null_cell() : cell(mount.super_options),
          cell(mount.mount.value),    cell(mount.super_block.value)};
}

Result<void> fill(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink) {
  RINGSIDE_TRY(linux::Kernel* const kernel, linux::Kernel::of(snapshot));
  RINGSIDE_TRY(const auto all, namespaces(*kernel, sink));
  const auto initial = linux::initial_mount_namespace(*kernel);
  for (const auto address : all) {
    const auto number = linux::mount_namespace_number(*kernel, address);
    if (!number) sink.incomplete(number.error());
    if (number && !request.wants("namespace", static_cast<std::int64_t>(*number))) continue;
    const auto listing = linux::mounts(*kernel, address);
    if (!listing) {
      sink.incomplete(listing.error());
      continue;
    }
    report_problems(*listing, sink);
    for (const auto& mount : listing->entries)
      if (!sink.row(row(number ? cell(*number) : null_cell(), initial == address, mount))) return {};
  }
  return {};
}

}  // namespace

Table mounts_table() {
  return {
      .name = "mounts",
      .doc = "Linux: the mounts of every mount namespace that a process lives in, as /proc/PID/mountinfo.",
      .columns =
          {{"namespace", ColumnType::integer, "number of the mount namespace, as /proc/PID/ns/mnt shows it"},
           {"initial", ColumnType::boolean, "the namespace that the guest booted with"},
           {"id", ColumnType::integer, "mount id"},
           {"parent", ColumnType::integer, "id of the mount that it stands on; its own: the top"},
           {"device", ColumnType::text, "of the file system, major:minor"},
           {"root", ColumnType::text, "directory of the file system that is the root of the mount"},
           {"point", ColumnType::text, "where it is mounted; NULL if it could not be read"},
           {"options", ColumnType::text, "of the mount: rw or ro, nosuid, nodev, noexec, relatime, ..."},
           {"propagation", ColumnType::text, "shared:N, master:N, unbindable; empty for private"},
           {"filesystem", ColumnType::text, "type of the file system: ext4, proc, fuse.sshfs"},
           {"source", ColumnType::text, "what was mounted: /dev/sda1, tmpfs"},
           {"super_options", ColumnType::text,
            "of the file system, as far as flags tell: rw or ro, sync, dirsync, lazytime"},
           {"mount", ColumnType::address, "its struct mount", Stability::kept},
           {"super_block", ColumnType::address, "struct super_block of the file system", Stability::kept}},
      .pushdown = {"namespace"},
      .identity = {"namespace", "mount"},
      .example = "SELECT point, filesystem, source FROM mounts WHERE initial AND point LIKE '/proc/%'",
      .in_baseline = false,
      .baseline_where = {},
      .fill = fill};
}

}  // namespace ringside::policies
