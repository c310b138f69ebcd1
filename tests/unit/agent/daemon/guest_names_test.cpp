// SPDX-License-Identifier: Apache-2.0
#include "agent/daemon/guest_names.h"

#include "agent/daemon/whereabouts.h"

#include <gtest/gtest.h>

namespace ringside::agent {
namespace {

TEST(GuestNames, AGuestThatMovesTakesItsNameAlong) {
  GuestNames names;
  EXPECT_EQ(names.claim("source", "web", "/run/a"), "web");
  EXPECT_EQ(names.step_aside("destination", "web", "/run/b"), "web@/run/b");
  EXPECT_EQ(names.claim("destination", "web", "/run/b"), "web@/run/b") << "it is still there";
  EXPECT_EQ(names.step_aside("source", "web", "/run/a"), "web@/run/a");
  EXPECT_EQ(names.claim("destination", "web", "/run/b"), "web");
}

TEST(GuestNames, AKeyIsWatchedByTwoWhileAGuestMoves) {
  GuestNames names;
  names.attached("source", "uuid");
  EXPECT_TRUE(names.alone("source", "uuid"));
  names.attached("destination", "uuid");
  EXPECT_FALSE(names.alone("source", "uuid"));
  names.detached("source");
  EXPECT_FALSE(names.alone("source", "uuid"));
  EXPECT_TRUE(names.alone("destination", "uuid"));
}

TEST(Whereabouts, AGuestIsElsewhereBeforeItCameAndAfterItWent) {
  EXPECT_TRUE(guest_is_elsewhere("inmigrate"));
  EXPECT_TRUE(guest_is_elsewhere("postmigrate"));
  for (const char* here : {"running", "paused", "suspended", "finish-migrate", "internal-error", "prelaunch"})
    EXPECT_FALSE(guest_is_elsewhere(here)) << here;
}

}  // namespace
}  // namespace ringside::agent
