// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/listing.h"

#include <gtest/gtest.h>

namespace ringside::guest::linux {
namespace {

TEST(Listing, AHostileGuestCannotGrowTheProblemsWithoutEnd) {
  Listing<int> listing;
  for (int i = 0; i < 100'000; ++i) listing.problem({Errc::malformed, "torn"});
  EXPECT_EQ(listing.problems.size(), Listing<int>::kMaxProblems);
}

}  // namespace
}  // namespace ringside::guest::linux
