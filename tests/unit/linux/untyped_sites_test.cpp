// SPDX-License-Identifier: Apache-2.0
// Places that a 32-bit kernel patches, whose keys nobody names.
#include "guest/linux/text/patch_sites.h"
#include "tests/unit/support/untyped_kernel_world.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ringside::guest::linux {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using testing::UntypedKernelWorld;

class UntypedSites : public ::testing::Test {
 protected:
  UntypedSites() {
    for (const char* name : {"target", "__static_call_text_start", "__SCT__one", "__SCT__two", "__SCT__three",
                             "__SCT__four", "__SCT__five", "__static_call_text_end"})
      world.define_function(name, {});
    world.finish();
  }

  std::uint32_t at(const char* name) { return static_cast<std::uint32_t>(world.symbol(name)->value); }
  void jump(const char* from, std::uint32_t to) {
    world.put(at(from), std::uint8_t{0xe9});
    world.put(at(from) + 1, to - at(from) - 5);
  }
  /// A return, as it was compiled.
  void give_back(const char* from) {
    world.put(at(from), std::uint8_t{0xc3});
    world.put(at(from) + 1, std::uint32_t{0x909090cc});
  }
  /// Which trampolines hold what they may.
  std::vector<bool> look() {
    std::vector<bool> all;
    PatchSites& sites = PatchSites::of(world);
    for (const PatchSite& site : sites.all())
      if (site.kind == SiteKind::static_call_trampoline) all.push_back(sites.look(site).ok);
    return all;
  }

  UntypedKernelWorld world;
};

TEST_F(UntypedSites, ATrampolineReturnsOrGoesToTheStartOfAFunction) {
  jump("__SCT__one", at("target"));
  jump("__SCT__two", at("target") + 1);
  jump("__SCT__three", UntypedKernelWorld::kHeap);
  give_back("__SCT__four");
  jump("__SCT__five", at("target"));
  world.put(at("__SCT__five"), std::uint8_t{0xcc});  // in the midst of being patched, or a hook
  EXPECT_THAT(look(), ElementsAre(true, false, false, true, false));
}

TEST_F(UntypedSites, ItIsSaidThatNoMoreIsKnownOfThem) {
  for (const char* name : {"__SCT__one", "__SCT__two", "__SCT__three", "__SCT__four", "__SCT__five"})
    give_back(name);
  EXPECT_THAT(PatchSites::of(world).problems(),
              Contains(Field(&Error::message, HasSubstr("does not tell where static calls must go"))));
}

}  // namespace
}  // namespace ringside::guest::linux
