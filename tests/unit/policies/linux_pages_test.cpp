// SPDX-License-Identifier: Apache-2.0
// The policies on executable pages and page tables, over kernels that are made up.
#include "policies/engine/evaluator.h"
#include "policies/engine/shipped.h"
#include "tests/unit/support/page_world.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <utility>

namespace ringside::policies::testing {
namespace {

using guest::Gpa;
using guest::Gva;
using ringside::testing::PageWorld;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ModuleRegion = guest::linux::ModuleRegionKind;

constexpr std::uint64_t kModule = 0xffffffffc0100000, kImage = 0xffffffff81000000, kImageGpa = 0x3000000;

/// A kernel with a module, its read-only data and an address space besides its own; in order, so far.
class PoliciesOnPages : public ::testing::Test {
 protected:
  PoliciesOnPages() {
    auto& kernel = world.kernel;
    auto& identity = kernel.mutable_identity();
    identity.image = {Gva{kImage}, Gva{kImage + 0x4000}};
    identity.text = {Gva{kImage}, Gva{kImage + 0x1000}};
    identity.image_gpa = Gpa{kImageGpa};
    const Gva module = world.modules.add("veth");
    world.modules.set_region(module, {ModuleRegion::text, kModule, 0x1000});
    world.modules.set_region(module, {ModuleRegion::rodata, kModule + 0x1000, 0x1000});
    world.map(kModule, 0x3100000, PageWorld::kText);
    world.map(kModule + 0x1000, 0x3101000, PageWorld::kRodata);
    world.map(kModule + 0x2000, 0x3102000, PageWorld::kData);
    for (std::uint64_t i = 0; i < 4; ++i) world.map(kImage + i * 0x1000, kImageGpa + i * 0x1000, rights(i));
    mm = world.new_root();
    kernel.put_pointer(kernel.define_variable("poking_mm", 8), world.add_mm(mm).value);
  }
  static std::uint64_t rights(std::uint64_t page) { return page == 0 ? PageWorld::kText : PageWorld::kData; }
  /// "policy/check" of what is violated; reasons of what is unknown go to `unknown`.
  std::vector<std::string> violated() {
    auto& kernel = world.kernel;
    guest::linux::Kernel::set(kernel.snapshot(), {std::shared_ptr<guest::linux::Kernel>(), &kernel});
    auto set = shipped_policies();
    // No vCPU says how this kernel pages.
    for (auto& policy : set.policies) policy.guests = {};
    const auto evaluator = Evaluator::create(set.policies).value();
    std::vector<std::string> found;
    for (const auto& policy : set.policies) {
      if (policy.name != "linux-executable-pages" && policy.name != "linux-page-tables") continue;
      for (const auto& result : evaluator->evaluate(policy, kernel.snapshot())) {
        if (result.verdict == Verdict::violated) found.push_back(policy.name + "/" + result.check->id);
        if (result.verdict == Verdict::unknown) unknown[result.check->id] = result.reasons;
        for (const auto& violation : result.violations) {
          messages.push_back(violation.message);
          fingerprints.insert(violation.fingerprint);
          identities.insert(violation.identity);
        }
      }
    }
    return found;
  }
  PageWorld world;
  std::uint64_t mm = 0;
  std::vector<std::string> messages;
  std::set<std::string> fingerprints, identities;
  std::map<std::string, std::vector<std::string>> unknown;
};

TEST_F(PoliciesOnPages, AreQuietOnAHealthyKernel) {
  EXPECT_THAT(violated(), IsEmpty());
}

/// One more such kernel.
class Another : public PoliciesOnPages {
 public:
  /// Fingerprint and identity of hidden code that holds `byte` somewhere.
  std::pair<std::string, std::string> hidden(unsigned byte) {
    world.map(0xffffc90000003000, 0x3200000, PageWorld::kText);
    world.fill(0x3200800, 1, byte);
    violated();
    return {*fingerprints.begin(), *identities.begin()};
  }
  void TestBody() override {}
};

TEST(HiddenCode, IsToldFromTheNextAtTheSamePlace) {
  const auto first = Another().hidden(0x90), same = Another().hidden(0x90), other = Another().hidden(0xc3);
  EXPECT_EQ(first, same);
  EXPECT_EQ(first.first, other.first) << "one place, one finding";
  EXPECT_NE(first.second, other.second) << "not the same at two looks";
}

TEST_F(PoliciesOnPages, FindHiddenCode) {
  world.map(0xffffc90000003000, 0x3200000, PageWorld::kText);
  EXPECT_THAT(violated(), ElementsAre("linux-executable-pages/hidden-code"));
  EXPECT_THAT(messages, Contains(HasSubstr("4096 bytes of executable kernel memory at 0xffffc90000003000")));
}

TEST_F(PoliciesOnPages, FindCodeThatIsNotItsOwners) {
  constexpr std::uint64_t kBase = 0xffff888000000000;
  const Gva header = world.kernel.allocate(8);
  world.kernel.put_pointer(world.kernel.define_variable("real_mode_header", 8), header.value);
  world.kernel.put(header, std::uint64_t{0x99000} | (std::uint64_t{0x9a000} << 32));
  world.map(kBase + 0x99000, 0x3333000, PageWorld::kText);
  EXPECT_THAT(violated(), ElementsAre("linux-executable-pages/foreign-code"));
  EXPECT_THAT(messages, Contains(HasSubstr("real_mode")));
}

TEST_F(PoliciesOnPages, FindDataThatIsExecutable) {
  world.map(kImage + 0x2000, kImageGpa + 0x2000, PageWorld::kWritable);
  EXPECT_THAT(violated(), ElementsAre("linux-executable-pages/hidden-code",
                                      "linux-executable-pages/writable-executable"));
}

TEST_F(PoliciesOnPages, FindAWritableAliasOfCode) {
  world.map(0xffff888003100000, 0x3100000, PageWorld::kData);
  EXPECT_THAT(violated(), ElementsAre("linux-page-tables/writable-code"));
}

TEST_F(PoliciesOnPages, FindWritableReadOnlyData) {
  world.map(kModule + 0x1000, 0x3101000, PageWorld::kData);
  EXPECT_THAT(violated(), ElementsAre("linux-page-tables/writable-rodata"));
  EXPECT_THAT(messages, Contains(HasSubstr("read-only data of veth")));
}

TEST_F(PoliciesOnPages, FindAPageThatIsOpenToUserMode) {
  world.map(kModule + 0x2000, 0x3102000, PageWorld::kData | PageWorld::kUser);
  EXPECT_THAT(violated(), ElementsAre("linux-page-tables/user-page"));
}

TEST_F(PoliciesOnPages, FindAPageOfTheImageThatLeadsElsewhere) {
  world.map(kImage + 0x3000, 0x3400000, PageWorld::kData);
  EXPECT_THAT(violated(), ElementsAre("linux-page-tables/image-moved"));
}

TEST_F(PoliciesOnPages, FindCodeOfAModuleThatLeadsElsewhere) {
  world.set_frames(world.add_area(kModule, 0x4000, 0x1000), {0x3333000}, 0xffffea0000000000);
  EXPECT_THAT(violated(), ElementsAre("linux-page-tables/code-moved"));
}

TEST_F(PoliciesOnPages, FindAnAddressSpaceWithAKernelOfItsOwn) {
  world.put_entry(mm, 511, 0x3600000 | 3);
  EXPECT_THAT(violated(), ElementsAre("linux-page-tables/own-kernel-half"));
  EXPECT_THAT(messages, Contains(HasSubstr("poking_mm")));
}

TEST_F(PoliciesOnPages, FindAUserHalfInTheKernelsPageTables) {
  world.put_entry(world.root(), 7, 0x3600000 | 3);
  EXPECT_THAT(violated(), ElementsAre("linux-page-tables/user-half"));
}

TEST_F(PoliciesOnPages, AreUnknownWhileThereIsNoNx) {
  world.kernel.mutable_identity().root.nxe = false;
  // With NX off that bit is reserved in every entry: nothing but text is mapped at all.
  EXPECT_THAT(violated(), IsEmpty());
  EXPECT_THAT(unknown, Contains(::testing::Key("hidden-code")));
  EXPECT_THAT(unknown, Contains(::testing::Key("writable-executable")));
}

}  // namespace
}  // namespace ringside::policies::testing
