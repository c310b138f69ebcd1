// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/file_reader.h"
#include "guest/linux/kernel.h"
#include "guest/linux/mounts.h"
#include "guest/linux/object_reader.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>

namespace ringside::guest::linux {

/// Reads mounts. One a listing.
class MountReader {
 public:
  explicit MountReader(Kernel& kernel);
  using Problem = std::function<void(Error)>;

  /// The mount at `mount` (struct mount) as a process with `root` sees it. nullopt: a cursor of a reader of
  /// /proc/mounts, which stands in the list of mounts between them (before 6.8).
  Result<std::optional<Mount>> read(Gva mount, const std::optional<Path>& root, const Problem& problem);
  /// Where mnt_list or mnt_node stands in a struct mount.
  Result<std::uint32_t> list_offset() const { return list_; }
  std::optional<std::uint32_t> node_offset() const { return node_; }

 private:
  using Member = ObjectReader::Member;
  struct FileSystem {
    Gva s_user_ns;
    DeviceNumber device;
    std::uint64_t flags = 0;
    std::string type;
  };
  Result<FileSystem> file_system(Gva super_block);
  std::string propagation(const Mount& mount, const Problem& problem, const std::optional<Path>& root);
  int dominating_group(Gva master, Gva mount_namespace, const std::optional<Path>& root);
  Result<int> group_of(Gva mount);
  bool idmapped(Gva super_user_ns) const;

  Kernel& kernel_;
  ObjectReader mount_, super_;
  Member id_, parent_, devname_, master_, group_, namespace_, tree_flags_;
  Member root_, super_block_, flags_, idmap_, user_ns_;
  Member dev_, super_flags_, type_, subtype_, super_user_ns_;
  Result<std::uint32_t> vfsmount_, list_;
  std::optional<std::uint32_t> node_;
  Result<Field> id_field_, type_name_, share_;
  std::optional<Gva> no_idmap_;
  std::unordered_map<std::uint64_t, FileSystem> file_systems_;
  std::uint64_t peer_steps_ = 0;  ///< taken by all of dominating_group(): bounded
};

}  // namespace ringside::guest::linux
