// SPDX-License-Identifier: Apache-2.0
// The input is pokes into a small kernel with mounts, directories and open files. Whatever they make of
// parents, names, mounts and tables of descriptors, each walk ends within its bounds.
#include "guest/linux/mounts.h"
#include "guest/linux/open_files.h"
#include "guest/linux/paths.h"
#include "tests/unit/support/file_world.h"
#include "tests/unit/support/pokes.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace {

using namespace ringside;
using guest::Gva;
using testing::FileWorld;

void check(const std::optional<std::string>& path) {
  // What stands behind the path: " (deleted)", "//deleted".
  constexpr std::size_t kMark = 16;
  if (path && path->size() > guest::linux::kMaxPathBytes + kMark) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace linux = guest::linux;
  static const auto btf = [] {
    FileWorld world;
    return world.kernel.btf().value();
  }();

  FileWorld world;
  world.kernel.set_btf(btf);
  const Gva mnt = world.dentry(world.root, "mnt"), top = world.dentry(Gva{0}, "/");
  const Gva inner = world.mount(world.root_mount, mnt, top, world.super_block(0, 22, "tmpfs"));
  const Gva slave = world.mount(inner, world.dentry(top, "deep"), top, world.root_super);
  world.kernel.put_pointer(FileWorld::mount_of(slave) + FileWorld::Mount::master,
                           FileWorld::mount_of(inner).value);
  const Gva socket = world.inode(7, 0140777, world.root_super);
  const Gva files =
      world.files({{0, world.plain_file("data")},
                   {1, world.file({slave, world.dentry(world.dentry(top, "a"), "b")}, world.last_inode)},
                   {5, world.file({world.root_mount,
                                   world.dentry(Gva{0}, "", socket, world.names_by("sockfs_dname"), false)},
                                  socket)}});
  const Gva name_space = world.kernel.allocate(40);
  std::vector<Gva> nodes;
  for (const Gva mount : {world.root_mount, inner, slave})
    nodes.push_back(FileWorld::mount_of(mount) + FileWorld::Mount::list);
  world.kernel.put_list(name_space + 16, nodes);
  testing::poke(world.kernel, world.root_super, 0x40000, std::as_bytes(std::span(data, size)));

  const auto open = linux::open_files(world.kernel, files);
  if (open) {
    if (open->entries.size() > linux::kMaxOpenFiles) __builtin_trap();
    for (const auto& file : open->entries) check(file.path);
  }
  const auto root = linux::system_root(world.kernel);
  for (const auto& from : {std::optional<linux::Path>{}, root ? std::optional(*root) : std::nullopt}) {
    const auto listing = linux::mounts(world.kernel, name_space, from);
    if (!listing) continue;
    if (listing->entries.size() > linux::kMaxMounts) __builtin_trap();
    for (const auto& mount : listing->entries) {
      check(mount.point);
      check(mount.root);
      check(mount.source);
    }
  }
  return 0;
}
