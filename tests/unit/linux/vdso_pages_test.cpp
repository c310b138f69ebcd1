// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/views/vdso_pages.h"

#include "tests/unit/support/user_world.h"

#include <gtest/gtest.h>

#include <string>

namespace ringside::guest::linux {
namespace {

using testing::kUserPage;
using testing::UserWorld;

constexpr Gva kStart{0x7fff12340000};

/// A kernel with an image of two pages, and a process that has both.
struct VdsoWorld : UserWorld {
  VdsoWorld() {
    data = Gva{(kernel.allocate(3 * kPageSize).value + kPageSize - 1) & ~(kPageSize - 1)};
    image = kernel.define_variable("vdso_image_64", 16);
    kernel.put_pointer(image, data.value);
    kernel.put(image + 8, std::uint64_t{2 * kPageSize});
    kernel.put(data + 0x10, std::uint64_t{0x1111});
    kernel.put(data + kPageSize + 0x10, std::uint64_t{0x2222});
    process = mm_with({});
    kernel.put_pointer(process + Mm::vdso, kStart.value);
    kernel.put_pointer(process + Mm::vdso_image, image.value);
    for (unsigned page = 0; page < 2; ++page) lend(page, frame(page).value);
  }
  Gpa frame(unsigned page) { return kernel.space().translate(data + page * kPageSize).value(); }
  void lend(unsigned page, std::uint64_t gpa) { set(kStart + page * kPageSize, gpa | kUserPage); }

  Gva data, image;
};

TEST(VdsoPages, AreTheImagesOwnFrames) {
  VdsoWorld world;
  const auto vdso = process_vdso(world.kernel, world.process).value();
  ASSERT_TRUE(vdso.image);
  EXPECT_EQ(vdso.image->gva, world.image);
  EXPECT_EQ(vdso.start, kStart);
  ASSERT_EQ(vdso.pages.size(), 2u);
  EXPECT_EQ(vdso.pages[1].gva, kStart + kPageSize);
  EXPECT_EQ(vdso.pages[1].gpa, vdso.pages[1].image_gpa);
  EXPECT_TRUE(vdso.pages[1].same_content);
  EXPECT_TRUE(vdso.pages[1].executable);
}

TEST(VdsoPages, ACopyIsToldByItsContent) {
  VdsoWorld world;
  world.lend(1, 0x1000000);
  world.kernel.memory().put(Gpa{0x1000010}, std::uint64_t{0x2222});
  auto vdso = process_vdso(world.kernel, world.process).value();
  EXPECT_NE(vdso.pages.at(1).gpa, vdso.pages[1].image_gpa);
  EXPECT_TRUE(vdso.pages[1].same_content);
  VdsoWorld changed;
  changed.lend(1, 0x1000000);
  changed.kernel.memory().put(Gpa{0x1000010}, std::uint64_t{0x2223});
  vdso = process_vdso(changed.kernel, changed.process).value();
  EXPECT_TRUE(vdso.pages.at(0).same_content);
  EXPECT_FALSE(vdso.pages.at(1).same_content);
}

TEST(VdsoPages, ThatWereNeverTouchedAreNone) {
  VdsoWorld world;
  world.set(kStart, 0);
  EXPECT_EQ(process_vdso(world.kernel, world.process).value().pages.size(), 1u);
}

TEST(VdsoPages, AProcessWithoutAVdsoHasNone) {
  VdsoWorld world;
  world.kernel.put_pointer(world.process + UserWorld::Mm::vdso, 0);
  const auto vdso = process_vdso(world.kernel, world.process).value();
  EXPECT_FALSE(vdso.image);
}

TEST(VdsoPages, AnImageOfWildSizeOrPlaceIsNone) {
  for (const std::uint64_t size :
       {std::uint64_t{0}, std::uint64_t{0x1001}, kMaxVdsoBytes + kPageSize, ~std::uint64_t{0}}) {
    VdsoWorld world;
    world.kernel.put(world.image + 8, size);
    EXPECT_FALSE(process_vdso(world.kernel, world.process)) << size;
    const auto images = vdso_images(world.kernel).value();
    EXPECT_TRUE(images.entries.empty());
    EXPECT_EQ(images.problems.size(), 1u);
  }
  VdsoWorld world;
  world.kernel.put_pointer(world.image, world.data.value + 8);
  EXPECT_FALSE(vdso_image(world.kernel, world.image));
}

TEST(VdsoPages, ImagesAreFoundByTheirSymbols) {
  VdsoWorld world;
  const auto images = vdso_images(world.kernel).value();
  ASSERT_EQ(images.entries.size(), 1u);
  EXPECT_EQ(images.entries[0].data, world.data);
  EXPECT_EQ(images.entries[0].size, 2 * kPageSize);
  UserWorld without;
  EXPECT_FALSE(vdso_images(without.kernel));
}

}  // namespace
}  // namespace ringside::guest::linux
