// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/paths.h"

#include "tests/unit/support/file_world.h"

#include <gtest/gtest.h>

#include <string>

namespace ringside::guest::linux {
namespace {

using testing::FileWorld;

std::string shown(FileWorld& world, Gva mount, Gva dentry) {
  const auto path = path_of(world.kernel, mount, dentry);
  return path ? *path : "error: " + path.error().message;
}

TEST(Paths, LeadThroughMountsUpToTheRoot) {
  FileWorld world;
  const Gva mnt = world.dentry(world.root, "mnt"), disk = world.dentry(mnt, "a disk");
  const Gva other = world.dentry(Gva{0}, "/");
  const Gva mounted = world.mount(world.root_mount, disk, other, world.root_super);
  const Gva deep = world.dentry(world.dentry(other, "x"), "y");
  EXPECT_EQ(shown(world, world.root_mount, world.root), "/");
  EXPECT_EQ(shown(world, world.root_mount, disk), "/mnt/a disk");
  EXPECT_EQ(shown(world, mounted, other), "/mnt/a disk");
  EXPECT_EQ(shown(world, mounted, deep), "/mnt/a disk/x/y");
}

TEST(Paths, EndAtTheSystemsRootAndOtherwiseAtTheTopOfTheNamespace) {
  FileWorld world;
  const Gva chroot = world.dentry(world.root, "new");
  world.put_path(world.fs + 8, {world.root_mount, chroot});
  const Gva bin = world.dentry(chroot, "bin"), old = world.dentry(world.root, "old");
  // A namespace of its own: the system's root is not above it.
  const Gva top = world.dentry(Gva{0}, "/"), app = world.dentry(top, "app");
  const Gva apart = world.mount(Gva{0}, Gva{0}, top, world.root_super);
  EXPECT_EQ(shown(world, world.root_mount, bin), "/bin");
  EXPECT_EQ(shown(world, world.root_mount, old), "/old");
  EXPECT_EQ(shown(world, apart, app), "/app");
}

TEST(Paths, OfDeletedFilesSaySo) {
  FileWorld world;
  const Gva gone = world.dentry(world.root, "gone", Gva{0}, Gva{0}, false);
  EXPECT_EQ(shown(world, world.root_mount, gone), "/gone (deleted)");
  EXPECT_EQ(*path_in_filesystem(world.kernel, gone), "/gone//deleted");
}

TEST(Paths, OfADirectoryThatIsNoMoreBelowItsMountAreTheRoot) {
  FileWorld world;
  const Gva elsewhere = world.dentry(Gva{0}, "/");
  EXPECT_EQ(shown(world, world.root_mount, world.dentry(elsewhere, "x")), "/");
}

TEST(Paths, OfFilesWithoutAPlaceAreMadeAsTheKernelMakesThem) {
  const auto name = [](const std::string& function, std::string_view text) {
    FileWorld world;
    const Gva inode = world.inode(4711, 0140777, world.root_super);
    const Gva dentry = world.dentry(Gva{0}, text, inode, world.names_by(function), false);
    return shown(world, world.root_mount, dentry);
  };
  EXPECT_EQ(name("sockfs_dname", ""), "socket:[4711]");
  EXPECT_EQ(name("pipefs_dname", ""), "pipe:[4711]");
  EXPECT_EQ(name("anon_inodefs_dname", "[eventfd]"), "anon_inode:[eventfd]");
  EXPECT_EQ(name("simple_dname", "memfd:x"), "/memfd:x (deleted)");
  EXPECT_EQ(name("pidfs_dname", ""), "anon_inode:[pidfd]");
  EXPECT_NE(name("evil_dname", "x").find("made by a function that is not known"), std::string::npos);
}

TEST(Paths, OfANamespaceSayItsKindUnlessItIsMountedSomewhere) {
  FileWorld world;
  const Gva inode = world.inode(4026531840, 0100444, world.root_super);
  const Gva common = world.kernel.allocate(16), ops = world.kernel.allocate(16),
            kind = world.kernel.allocate(8);
  world.kernel.put_string(kind, "net");
  world.kernel.put_pointer(ops, kind.value);
  world.kernel.put_pointer(common, ops.value);
  world.kernel.put_pointer(inode + FileWorld::Inode::private_data, common.value);
  const Gva dentry = world.dentry(Gva{0}, "", inode, world.names_by("ns_dname"));
  const Gva mounted =
      world.mount(world.root_mount, world.dentry(world.root, "netns"), dentry, world.root_super);
  EXPECT_EQ(shown(world, world.root_mount, dentry), "net:[4026531840]");
  EXPECT_EQ(shown(world, mounted, dentry), "/netns");
}

TEST(Paths, ThatLoopEndInAnError) {
  FileWorld world;
  const Gva a = world.dentry(world.root, "a"), b = world.dentry(a, "b");
  world.kernel.put_pointer(a + FileWorld::Dentry::parent, b.value);
  const Gva first_root = world.dentry(Gva{0}, "/"), second_root = world.dentry(Gva{0}, "/");
  const Gva first = world.mount(world.root_mount, second_root, first_root, world.root_super);
  const Gva second = world.mount(first, first_root, second_root, world.root_super);
  world.kernel.put_pointer(FileWorld::mount_of(first) + FileWorld::Mount::parent,
                           FileWorld::mount_of(second).value);
  const auto directories = path_of(world.kernel, world.root_mount, b);
  ASSERT_FALSE(directories);
  EXPECT_EQ(directories.error().code, Errc::out_of_bounds);
  const auto mounts = path_of(world.kernel, first, first_root);
  ASSERT_FALSE(mounts);
  EXPECT_EQ(mounts.error().code, Errc::malformed);
}

TEST(Paths, AreBoundedInLengthAndDepth) {
  FileWorld world;
  Gva deep = world.root;
  for (int i = 0; i < 40; ++i) deep = world.dentry(deep, std::string(100, 'x'));
  const Gva deeper = world.dentry(deep, std::string(100, 'x'));
  const Gva named = world.dentry(world.root, std::string(kMaxNameBytes + 1, 'x'));
  EXPECT_EQ(shown(world, world.root_mount, deep).size(), 40u * 101);
  EXPECT_EQ(path_of(world.kernel, world.root_mount, deeper).error().code, Errc::out_of_bounds);
  EXPECT_EQ(path_of(world.kernel, world.root_mount, named).error().code, Errc::out_of_bounds);
}

TEST(Paths, WithoutADentryOrMountAreErrors) {
  FileWorld world;
  const Gva x = world.dentry(world.root, "x");
  EXPECT_EQ(path_of(world.kernel, world.root_mount, Gva{0}).error().code, Errc::malformed);
  EXPECT_EQ(path_of(world.kernel, Gva{0}, x).error().code, Errc::malformed);
  EXPECT_FALSE(path_of(world.kernel, world.root_mount, Gva{0xdead'0000'0000}));
}

TEST(Paths, BelowARootThatIsNotAboveAreNotFound) {
  FileWorld world;
  const Gva jail = world.dentry(world.root, "jail");
  const Gva inner = world.dentry(jail, "etc"), outer = world.dentry(world.root, "etc");
  const Path root{world.root_mount, jail};
  EXPECT_EQ(*path_below(world.kernel, root, {world.root_mount, inner}), "/etc");
  const auto outside = path_below(world.kernel, root, {world.root_mount, outer});
  ASSERT_FALSE(outside);
  EXPECT_EQ(outside.error().code, Errc::not_found);
}

/// The function that sets FMODE_BACKING, with these four bytes in its code, and a function behind it.
void define_allocator(FileWorld& world, std::uint32_t immediate) {
  const Gva code = world.kernel.allocate(256);
  world.kernel.put(code + 19, immediate);
  world.kernel.define("alloc_empty_backing_file", code, 'T');
  world.kernel.define("next_function", code + 64, 'T');
}

class BackingFiles : public ::testing::TestWithParam<std::uint32_t> {};

TEST_P(BackingFiles, AreShownByThePathThatTheUserOpened) {
  const auto shown = [](std::uint32_t mode) {
    FileWorld world;
    define_allocator(world, GetParam() | 1u << 29);
    const Gva inner = world.dentry(world.root, "inner"), outer = world.dentry(world.root, "outer");
    const Gva file = world.file({world.root_mount, inner}, Gva{0}, mode);
    world.put_path(file + FileWorld::File::user_path, {world.root_mount, outer});
    return file_path(world.kernel, file).value_or("?");
  };
  EXPECT_EQ(shown(GetParam()), "/outer");
  EXPECT_EQ(shown(~GetParam()), "/inner");
}

INSTANTIATE_TEST_SUITE_P(BothBits, BackingFiles, ::testing::Values(1u << 24, 1u << 25));

TEST(Paths, EscapeWhatWouldBreakATable) {
  EXPECT_EQ(escape_octal("a b\tc\\d\n", " \t\n\\"), "a\\040b\\011c\\134d\\012");
  EXPECT_EQ(escape_octal("plain", " "), "plain");
}

}  // namespace
}  // namespace ringside::guest::linux
