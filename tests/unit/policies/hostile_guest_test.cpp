// SPDX-License-Identifier: Apache-2.0
// Recorded guests with random damage: looking at them always comes back.
#include "tests/support/mutated_guest.h"

#include <gtest/gtest.h>

#include <random>

namespace ringside::policies {
namespace {

class HostileGuest : public ::testing::TestWithParam<std::string> {};

TEST_P(HostileGuest, RandomDamageCostsNoMoreThanWhatItHits) {
  const auto recorded = testing::recorded_snapshot(GetParam());
  std::mt19937_64 random(42);
  for (const std::size_t changes : {std::size_t{1}, std::size_t{100}, std::size_t{10'000}}) {
    testing::MutatedGuest guest(*recorded);
    for (std::size_t i = 0; i < changes; ++i) {
      const std::uint64_t value = random() >> (random() % 64);
      guest.overwrite(random(), random() % guest::kPageSize, std::as_bytes(std::span(&value, 1)));
    }
    guest.look();
  }
}

TEST_P(HostileGuest, PointersThatLeadElsewhereInTheKernelCannotMakeItLoop) {
  const auto recorded = testing::recorded_snapshot(GetParam());
  std::mt19937_64 random(7);
  testing::MutatedGuest guest(*recorded);
  // Words of kernel memory copied over others: plausible pointers in wrong places, and lists that run into
  // one another.
  std::vector<const guest::Snapshot::Page*> pages;
  for (const auto& [gpa, page] : recorded->pages()) pages.push_back(page.get());
  for (int i = 0; i < 20'000; ++i) {
    const auto& from = *pages[random() % pages.size()];
    guest.overwrite(random(), random() % 512 * 8, ByteView(from).subspan(random() % 512 * 8, 8));
  }
  guest.look();
}

INSTANTIATE_TEST_SUITE_P(Guests, HostileGuest, ::testing::ValuesIn(testing::recorded_guests()),
                         [](const auto& guest) { return testing::test_name(guest.param); });

}  // namespace
}  // namespace ringside::policies
