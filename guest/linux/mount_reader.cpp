// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/mount_reader.h"

#include "guest/linux/mount_options.h"

namespace ringside::guest::linux {

namespace {

using Presence = ObjectReader::Presence;

// Longest source ("//server/share/deep/down") and file system name that is read.
constexpr std::size_t kMaxSource = kMaxPathBytes, kMaxTypeName = 64;
// Mounts that are looked at, of a whole listing, to say where propagation comes from.
constexpr std::uint64_t kMaxPeerSteps = 1u << 16;

}  // namespace

MountReader::MountReader(Kernel& kernel)
    : kernel_(kernel),
      mount_(kernel, "mount"),
      super_(kernel, "super_block"),
      id_(mount_.add("mnt_id")),
      parent_(mount_.add("mnt_parent")),
      devname_(mount_.add("mnt_devname")),
      master_(mount_.add("mnt_master")),
      group_(mount_.add("mnt_group_id")),
      namespace_(mount_.add("mnt_ns")),
      tree_flags_(mount_.add("mnt_t_flags", Presence::optional)),
      root_(mount_.add("mnt.mnt_root")),
      super_block_(mount_.add("mnt.mnt_sb")),
      flags_(mount_.add("mnt.mnt_flags")),
      idmap_(mount_.add("mnt.mnt_idmap", Presence::optional)),
      user_ns_(mount_.add("mnt.mnt_userns", Presence::optional)),
      dev_(super_.add("s_dev")),
      super_flags_(super_.add("s_flags")),
      type_(super_.add("s_type")),
      subtype_(super_.add("s_subtype")),
      super_user_ns_(super_.add("s_user_ns")),
      vfsmount_(kernel.offset("mount", "mnt")),
      list_(kernel.offset("mount", "mnt_list")),
      id_field_(kernel.field("mount", "mnt_id")),
      type_name_(kernel.field("file_system_type", "name")),
      share_(kernel.field("mount", "mnt_share")),
      no_idmap_(kernel.find_symbol("nop_mnt_idmap")) {
  if (const auto node = kernel.offset("mount", "mnt_node")) node_ = *node;
}

Result<MountReader::FileSystem> MountReader::file_system(Gva super_block) {
  if (const auto known = file_systems_.find(super_block.value); known != file_systems_.end())
    return known->second;
  if (!super_.missing().empty()) return fail(super_.missing().front());
  if (!type_name_) return fail(type_name_.error());
  RINGSIDE_CHECK(super_.read(super_block));
  FileSystem found;
  found.device = DeviceNumber::of(super_.integer(dev_).value_or(0));
  found.flags = super_.integer(super_flags_).value_or(0);
  found.s_user_ns = super_.pointer(super_user_ns_).value_or(Gva{0});
  const Gva type = super_.pointer(type_).value_or(Gva{0});
  const Gva subtype = super_.pointer(subtype_).value_or(Gva{0});
  RINGSIDE_TRY(const Gva name, kernel_.read_pointer_field(type, *type_name_));
  RINGSIDE_TRY(found.type, kernel_.read_string(name, kMaxTypeName));
  if (subtype != Gva{0}) {
    RINGSIDE_TRY(const std::string more, kernel_.read_string(subtype, kMaxTypeName));
    if (!more.empty()) found.type += "." + more;
  }
  return file_systems_[super_block.value] = std::move(found);
}

/// is_idmapped_mnt(), include/linux/fs.h: from 6.2 on mnt_idmap, from 5.12 on mnt_userns tells.
bool MountReader::idmapped(Gva super_user_ns) const {
  if (const auto map = mount_.pointer(idmap_)) return no_idmap_ && *map != *no_idmap_;
  if (const auto user_ns = mount_.pointer(user_ns_)) return *user_ns != super_user_ns;
  return false;
}

Result<int> MountReader::group_of(Gva mount) {
  RINGSIDE_TRY(const Field field, kernel_.field("mount", "mnt_group_id"));
  RINGSIDE_TRY(const std::uint64_t group, kernel_.read_field(mount, field));
  return static_cast<int>(group);
}

/// get_dominating_id(), fs/pnode.c: the nearest peer group up the masters that has a mount below `root` in
/// the same namespace; 0: none, or it could not be found.
int MountReader::dominating_group(Gva master, Gva mount_namespace, const std::optional<Path>& root) {
  const auto own = kernel_.field("mount", "mnt_ns"), next = kernel_.field("mount", "mnt_share.next"),
             up = kernel_.field("mount", "mnt_master"), mount_root = kernel_.field("mount", "mnt.mnt_root");
  if (!own || !next || !up || !mount_root || !share_ || !vfsmount_) return 0;
  for (Gva group = master; group != Gva{0};) {
    Gva peer = group;
    do {
      if (++peer_steps_ > kMaxPeerSteps) return 0;
      const auto its_namespace = kernel_.read_pointer_field(peer, *own);
      const auto its_root = kernel_.read_pointer_field(peer, *mount_root);
      if (!its_namespace || !its_root) return 0;
      const bool below = *its_namespace == mount_namespace &&
                         (!root || path_below(kernel_, *root, {peer + *vfsmount_, *its_root}).has_value());
      if (below) return group_of(peer).value_or(0);
      const auto following = kernel_.read_pointer_field(peer, *next);
      if (!following) return 0;
      peer = Gva{*following - Gva{share_->offset}};
    } while (peer != group);
    const auto above = kernel_.read_pointer_field(group, *up);
    if (!above) return 0;
    group = *above;
  }
  return 0;
}

std::string MountReader::propagation(const Mount& mount, const Problem& problem,
                                     const std::optional<Path>& root) {
  const auto tree_flags = mount_.integer(tree_flags_);
  const bool shared = tree_flags ? (*tree_flags & mount_flag::kTreeShared) != 0
                                 : (mount.mount_flags & mount_flag::kShared) != 0;
  const bool unbindable = tree_flags ? (*tree_flags & mount_flag::kTreeUnbindable) != 0
                                     : (mount.mount_flags & mount_flag::kUnbindable) != 0;
  std::string text;
  const auto add = [&](const std::string& what) { text += (text.empty() ? "" : " ") + what; };
  if (shared) add("shared:" + std::to_string(static_cast<int>(mount_.u32(group_).value_or(0))));
  if (const Gva master = mount_.pointer(master_).value_or(Gva{0}); master != Gva{0}) {
    const auto group = group_of(master);
    if (!group) problem(group.error());
    add("master:" + (group ? std::to_string(*group) : "?"));
    const int from = dominating_group(master, mount_.pointer(namespace_).value_or(Gva{0}), root);
    if (from != 0 && group && from != *group) add("propagate_from:" + std::to_string(from));
  }
  if (unbindable) add("unbindable");
  return text;
}

Result<std::optional<Mount>> MountReader::read(Gva address, const std::optional<Path>& root,
                                               const Problem& outer) {
  if (!mount_.missing().empty()) return fail(mount_.missing().front());
  if (!vfsmount_) return fail(vfsmount_.error());
  if (auto read = mount_.read(address); !read)
    return fail(read.error().within("mount at " + to_string(address)));
  Mount mount;
  mount.mount = address;
  mount.vfsmount = address + *vfsmount_;
  mount.mount_flags = mount_.u32(flags_).value_or(0);
  if ((mount.mount_flags & mount_flag::kCursor) != 0) return std::nullopt;
  mount.id = static_cast<int>(mount_.u32(id_).value_or(0));
  mount.super_block = mount_.pointer(super_block_).value_or(Gva{0});
  const Gva mount_root = mount_.pointer(root_).value_or(Gva{0});
  const Problem problem = [&](const Error& error) {
    outer(error.within("mount " + std::to_string(mount.id)));
  };
  const auto parent = kernel_.read_field(mount_.pointer(parent_).value_or(Gva{0}), *id_field_);
  if (parent)
    mount.parent_id = static_cast<int>(*parent);
  else
    problem(parent.error());
  mount.propagation = propagation(mount, problem, root);
  Gva super_user_ns{0};
  if (auto system = file_system(mount.super_block)) {
    mount.device = system->device;
    mount.super_flags = system->flags;
    mount.super_options = super_options(system->flags);
    mount.filesystem = system->type;
    super_user_ns = system->s_user_ns;
  } else {
    problem(system.error());
  }
  mount.options = mount_options(mount.mount_flags, idmapped(super_user_ns));
  const auto text = [&](std::optional<std::string>& into, Result<std::string> read) {
    if (read)
      into = std::move(*read);
    else
      problem(read.error());
  };
  text(mount.root, path_in_filesystem(kernel_, mount_root));
  const Gva source = mount_.pointer(devname_).value_or(Gva{0});
  text(mount.source, source == Gva{0} ? "none" : kernel_.read_string(source, kMaxSource));
  const Path point{mount.vfsmount, mount_root};
  auto shown = root ? path_below(kernel_, *root, point) : path_of(kernel_, point);
  if (shown)
    mount.point = std::move(*shown);
  else if (shown.error().code != Errc::not_found)
    problem(shown.error());
  return mount;
}

}  // namespace ringside::guest::linux
