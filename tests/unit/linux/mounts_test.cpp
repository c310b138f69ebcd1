// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/mounts.h"

#include "guest/linux/mount_options.h"
#include "tests/unit/support/file_world.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ringside::guest::linux {
namespace {

using testing::FileWorld;
using M = FileWorld::Mount;

/// FileWorld with a namespace whose mounts a test adds.
struct MountWorld : FileWorld {
  MountWorld() : name_space(kernel.allocate(40)) { add(root_mount, "/dev/sda1"); }
  Gva add(Gva vfsmount, std::string_view source) {
    const Gva text = kernel.allocate(source.size() + 1), mount = mount_of(vfsmount);
    kernel.put_string(text, source);
    kernel.put_pointer(mount + M::devname, text.value);
    kernel.put_pointer(mount + M::ns, name_space.value);
    nodes.push_back(mount + M::list);
    return mount;
  }
  /// A file system of its own, mounted at /NAME.
  Gva mount_at(std::string_view name, std::string_view type) {
    top = dentry(Gva{0}, "/");
    return mount(root_mount, dentry(root, name), top, super_block(0, 22, type));
  }
  Listing<linux::Mount> list(std::optional<Path> from = std::nullopt) {
    kernel.put_list(name_space + 16, nodes);
    return mounts(kernel, name_space, from).value();
  }
  Gva name_space, top{0};  ///< root of the last mount_at()
  std::vector<Gva> nodes;
};

TEST(Mounts, AreListedAsMountinfoShowsThem) {
  MountWorld world;
  const Gva proc = world.mount_at("proc", "proc");
  world.kernel.put(proc + M::flags, 0x27u);  // nosuid, nodev, noexec, relatime
  world.add(proc, "proc source");
  const auto listing = world.list();
  EXPECT_TRUE(listing.problems.empty());
  ASSERT_EQ(listing.entries.size(), 2u);
  const Mount &root = listing.entries[0], &second = listing.entries[1];
  EXPECT_EQ(root.id, 20);
  EXPECT_EQ(root.parent_id, 20);
  EXPECT_EQ(root.point, "/");
  EXPECT_EQ(root.filesystem, "ext4");
  EXPECT_EQ(root.source, "/dev/sda1");
  EXPECT_EQ(root.device, (DeviceNumber{8, 1}));
  EXPECT_EQ(root.options, "rw");
  EXPECT_EQ(second.id, 21);
  EXPECT_EQ(second.parent_id, 20);
  EXPECT_EQ(second.point, "/proc");
  EXPECT_EQ(second.root, "/");
  EXPECT_EQ(second.source, "proc source");
  EXPECT_EQ(second.options, "rw,nosuid,nodev,noexec,relatime");
  EXPECT_EQ(second.super_options, "rw");
  EXPECT_EQ(second.propagation, "");
}

TEST(Mounts, OfAPartOfAFileSystemSayWhichPart) {
  MountWorld world;
  const Gva part = world.dentry(world.dentry(world.root, "srv"), "part");
  world.add(world.mount(world.root_mount, world.dentry(world.root, "mnt"), part, world.root_super), "x");
  const auto listing = world.list();
  ASSERT_EQ(listing.entries.size(), 2u);
  EXPECT_EQ(listing.entries[1].root, "/srv/part");
  EXPECT_EQ(listing.entries[1].point, "/mnt");
}

TEST(Mounts, SeenFromARootThatTheyAreNotBelowHaveNoPoint) {
  MountWorld world;
  const Gva proc = world.mount_at("proc", "proc");
  world.add(proc, "proc");
  const auto listing = world.list(Path{proc, world.top});
  ASSERT_EQ(listing.entries.size(), 2u);
  EXPECT_TRUE(listing.problems.empty());
  EXPECT_FALSE(listing.entries[0].point);
  EXPECT_EQ(listing.entries[1].point, "/");
}

TEST(Mounts, SayHowTheyPropagate) {
  MountWorld world;
  const Gva far = world.mount_at("far", "tmpfs"), near = world.mount_at("near", "tmpfs"),
            slave = world.mount_at("slave", "tmpfs"), own = world.mount_at("own", "tmpfs");
  const auto mount = [](Gva vfsmount) { return FileWorld::mount_of(vfsmount); };
  world.kernel.put(mount(far) + M::group, 5);
  world.kernel.put(mount(near) + M::group, 6);
  world.kernel.put_pointer(mount(near) + M::master, mount(far).value);
  world.kernel.put_pointer(mount(slave) + M::master, mount(near).value);
  world.kernel.put(slave + M::flags, 0x1000u);
  world.kernel.put(mount(slave) + M::group, 7);
  world.kernel.put(own + M::flags, 0x2000u);
  world.add(far, "far");
  world.add(slave, "slave");
  world.add(own, "own");
  const auto listing = world.list();
  ASSERT_EQ(listing.entries.size(), 4u);
  // `near` is in no namespace, so what reaches `slave` comes from `far`.
  EXPECT_EQ(listing.entries[2].propagation, "shared:7 master:6 propagate_from:5");
  EXPECT_EQ(listing.entries[3].propagation, "unbindable");
}

TEST(Mounts, ThatPropagateInACircleEnd) {
  MountWorld world;
  const Gva a = world.mount_at("a", "tmpfs"), b = world.mount_at("b", "tmpfs");
  world.kernel.put_pointer(FileWorld::mount_of(a) + M::master, FileWorld::mount_of(b).value);
  world.kernel.put_pointer(FileWorld::mount_of(b) + M::master, FileWorld::mount_of(a).value);
  world.add(a, "a");
  world.kernel.put_pointer(FileWorld::mount_of(a) + M::ns, 1);  // so that no peer is found
  const auto listing = world.list();
  ASSERT_EQ(listing.entries.size(), 2u);
  EXPECT_EQ(listing.entries[1].propagation, "master:0");
}

TEST(Mounts, LeaveOutTheCursorsOfReaders) {
  MountWorld world;
  const Gva cursor = world.mount_at("cursor", "tmpfs");
  world.kernel.put(cursor + M::flags, 0x10000000u);
  world.add(cursor, "cursor");
  EXPECT_EQ(world.list().entries.size(), 1u);
}

TEST(Mounts, ABrokenFileSystemCostsItsCellsOnly) {
  MountWorld world;
  const Gva broken = world.mount_at("broken", "tmpfs");
  world.kernel.put_pointer(broken + M::super_block, 0xdead'0000'0000);
  world.add(broken, "broken");
  const auto listing = world.list();
  ASSERT_EQ(listing.entries.size(), 2u);
  EXPECT_EQ(listing.entries[1].point, "/broken");
  EXPECT_EQ(listing.entries[1].filesystem, "");
  EXPECT_FALSE(listing.entries[1].device);
  EXPECT_EQ(listing.problems.size(), 1u);
}

TEST(MountOptions, AreWrittenInTheKernelsOrder) {
  EXPECT_EQ(mount_options(0xff, true),
            "ro,nosuid,nodev,noexec,noatime,nodiratime,relatime,nosymfollow,idmapped");
  EXPECT_EQ(mount_options(0x20, false), "rw,relatime");
  EXPECT_EQ(super_options(0xd1 | 1u << 25), "ro,sync,dirsync,mand,lazytime");
  EXPECT_EQ(super_options(0), "rw");
}

}  // namespace
}  // namespace ringside::guest::linux
