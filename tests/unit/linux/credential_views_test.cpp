// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/views/credential_views.h"

#include "tests/unit/support/task_view_world.h"

#include <gtest/gtest.h>

#include <string>

namespace ringside::guest::linux {
namespace {

using testing::TaskViewWorld;
using W = TaskViewWorld;

class CredentialViews : public ::testing::Test {
 protected:
  W world;
  Gva init = world.add(1, "init"), shell = world.add(7, "shell"), thread = world.add(8, "thread", shell);

  Listing<CredentialView> look() {
    world.finish();
    auto listing = credential_views(world.kernel);
    EXPECT_TRUE(listing.problems.empty()) << listing.problems.front().message;
    return listing;
  }
  static const CredentialView& of(const Listing<CredentialView>& listing, std::int32_t pid) {
    for (const auto& view : listing.entries)
      if (view.task.pid == pid) return view;
    throw std::runtime_error("no such thread");
  }
  Gva cred(Gva task) const { return world.cred(task); }
};

TEST_F(CredentialViews, OfAHealthyKernelAreSharedByThreadsOnly) {
  const auto listing = look();
  ASSERT_EQ(listing.entries.size(), 3u);
  for (const auto& view : listing.entries) {
    EXPECT_EQ(view.objective_of_init, false);
    EXPECT_EQ(view.subjective_of_init, false);
    EXPECT_EQ(view.objective_shared_with, std::nullopt);
    EXPECT_EQ(view.subjective_shared_with, std::nullopt);
    EXPECT_EQ(view.effective_beyond, 0u);
    EXPECT_EQ(view.ambient_beyond, 0u);
    EXPECT_EQ(view.usage, 2);
  }
}

TEST_F(CredentialViews, ThoseOfTheFirstTaskAreRecognised) {
  world.set_cred(shell, world.init_cred, world.init_cred);
  const auto listing = look();
  EXPECT_EQ(of(listing, 7).objective_of_init, true);
  EXPECT_EQ(of(listing, 7).subjective_of_init, true);
  EXPECT_EQ(of(listing, 8).objective_of_init, false);
}

TEST_F(CredentialViews, ThoseOfAnotherProcessAreRecognised) {
  world.set_cred(shell, cred(init), cred(init));
  const auto listing = look();
  EXPECT_EQ(of(listing, 7).objective_shared_with, 1);
  EXPECT_EQ(of(listing, 1).objective_shared_with, 7);
  EXPECT_EQ(of(listing, 8).objective_shared_with, std::nullopt);
}

TEST_F(CredentialViews, ActingAsAnotherIsToldApartFromBeingIt) {
  world.set_cred(shell, cred(shell), cred(init));
  world.kernel.put(cred(shell) + W::Cred::euid, std::uint32_t{1000});
  const auto listing = look();
  EXPECT_EQ(of(listing, 7).objective_shared_with, std::nullopt);
  EXPECT_EQ(of(listing, 7).subjective_shared_with, 1);
  ASSERT_TRUE(of(listing, 7).acting);
}

TEST_F(CredentialViews, CapabilitiesThatCannotBeAreTold) {
  world.kernel.put(cred(init) + W::Cred::effective, std::uint64_t{0x21});
  world.kernel.put(cred(init) + W::Cred::permitted, std::uint64_t{0x01});
  world.kernel.put(cred(shell) + W::Cred::ambient, std::uint64_t{0x2});
  world.kernel.put(cred(shell) + W::Cred::permitted, std::uint64_t{0x2});
  const auto listing = look();
  EXPECT_EQ(of(listing, 1).effective_beyond, 0x20u);
  EXPECT_EQ(of(listing, 7).ambient_beyond, 0x2u);
  EXPECT_EQ(of(listing, 7).effective_beyond, 0u);
}

TEST_F(CredentialViews, ReferencesMayBeNegative) {
  world.kernel.put(cred(init) + W::Cred::usage, std::int32_t{-1});
  EXPECT_EQ(of(look(), 1).usage, -1);
}

TEST_F(CredentialViews, CredentialsThatCannotBeReadCostTheirOwnRow) {
  world.set_cred(shell, Gva{0xdead0000dead0000}, Gva{0xdead0000dead0000});
  world.finish();
  const auto listing = credential_views(world.kernel);
  EXPECT_EQ(listing.entries.size(), 3u);
  EXPECT_FALSE(listing.problems.empty());
  EXPECT_EQ(of(listing, 7).effective_beyond, std::nullopt);
  EXPECT_EQ(of(listing, 1).effective_beyond, 0u);
}

}  // namespace
}  // namespace ringside::guest::linux
