// SPDX-License-Identifier: Apache-2.0
#include "policies/engine/shipped.h"

#include "fake_guest.h"
#include "policies/engine/evaluator.h"

#include <gmock/gmock.h>

#include <map>

namespace ringside::policies::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using x86::PagingMode;

/// Those that know nothing of the operating system.
PolicySet plain_policies() {
  PolicySet set = shipped_policies();
  std::erase_if(set.policies, [](const Policy& policy) { return policy.name.starts_with(kLinuxPolicy); });
  return set;
}

/// The policies that ship for any operating system, over a guest with a baseline of its healthy state.
class Shipped {
 public:
  explicit Shipped(unsigned vcpus = 2, PagingMode mode = PagingMode::four_level) : guest(vcpus, mode) {
    for (const auto& error : set_.errors) ADD_FAILURE() << render(error, false);
    // There is no Linux in this guest: policies that need one are tested on kernels that are made up.
    std::erase_if(set_.policies, [](const auto& policy) { return policy.name.starts_with("linux-"); });
    evaluator_ = Evaluator::create(set_.policies).value();
    take();
  }
  void take() {
    const auto baseline = take_baseline(*guest.snapshot()).value();
    EXPECT_TRUE(evaluator_->set_baseline(&baseline));
  }

  /// "policy/check" of everything that is not ok, with its verdict.
  std::map<std::string, Verdict> not_ok() {
    std::map<std::string, Verdict> found;
    const auto snapshot = guest.snapshot();
    for (const auto& result : evaluator_->evaluate(*snapshot)) {
      if (result.verdict == Verdict::ok) continue;
      found[result.policy->name + "/" + result.check->id] = result.verdict;
      for (const auto& violation : result.violations) messages.push_back(violation.message);
    }
    return found;
  }
  std::vector<std::string> violated() {
    std::vector<std::string> names;
    for (const auto& [name, verdict] : not_ok())
      if (verdict == Verdict::violated) names.push_back(name);
    return names;
  }
  void without_baseline() { EXPECT_TRUE(evaluator_->set_baseline(nullptr)); }

  FakeGuest guest;
  std::vector<std::string> messages;

 private:
  PolicySet set_ = plain_policies();
  std::unique_ptr<Evaluator> evaluator_;
};

TEST(ShippedPolicies, AllLoad) {
  const auto set = shipped_policies();
  for (const auto& error : set.errors) ADD_FAILURE() << render(error, false);
  std::vector<std::string> names;
  for (const auto& policy : set.policies) {
    const bool of_linux = policy.name.starts_with(kLinuxPolicy);
    if (!of_linux) names.push_back(policy.name);
    EXPECT_EQ(policy.file, policy.name.substr(of_linux ? kLinuxPolicy.size() : 0) + ".yaml");
    EXPECT_FALSE(policy.title.empty());
    EXPECT_LE(policy.title.size(), 60u) << policy.name << ": the title is one line of the verdict";
    EXPECT_FALSE(policy.description.empty());
    EXPECT_FALSE(policy.attack.empty());
  }
  EXPECT_THAT(names, ElementsAre("control-registers", "gdt", "idt", "msr-entry-points", "wx-mappings"));
}

TEST(ShippedPolicies, OfLinuxConfirmOverAWindowAndSayWhatToDo) {
  for (const auto& policy : shipped_policies().policies) {
    if (!policy.name.starts_with(kLinuxPolicy)) continue;
    EXPECT_FALSE(policy.remediation.empty()) << policy.name;
    EXPECT_FALSE(policy.false_positives.empty()) << policy.name;
    for (const auto& check : policy.checks) {
      EXPECT_EQ(check.confirm, Confirm::window) << policy.name << "/" << check.id;
      EXPECT_FALSE(check.message.empty()) << policy.name << "/" << check.id;
    }
  }
}

TEST(ShippedPolicies, OfLinuxAreUnknownAndNeverCleanWithoutALinuxKernel) {
  FakeGuest guest;
  const PolicySet set = shipped_policies();
  const auto evaluator = Evaluator::create(set.policies).value();
  const auto snapshot = guest.snapshot();
  for (const auto& result : evaluator->evaluate(*snapshot)) {
    if (!result.policy->name.starts_with(kLinuxPolicy)) continue;
    EXPECT_NE(result.verdict, Verdict::violated) << result.policy->name << "/" << result.check->id;
    EXPECT_NE(result.verdict, Verdict::ok) << result.policy->name << "/" << result.check->id;
  }
}

TEST(ShippedPolicies, AreQuietOnHealthyGuests) {
  for (const auto mode : {PagingMode::four_level, PagingMode::pae})
    for (const unsigned vcpus : {1u, 2u, 4u}) {
      Shipped shipped(vcpus, mode);
      EXPECT_THAT(shipped.not_ok(), IsEmpty()) << x86::to_string(mode) << ", " << vcpus << " vCPUs";
    }
  Shipped plain(2, PagingMode::two_level);
  EXPECT_THAT(plain.not_ok(), ElementsAre(::testing::Pair("wx-mappings/kernel-wx", Verdict::not_applicable)));
}

TEST(ShippedPolicies, AreQuietWhileAVcpuHasNotStartedAndWhenItStarts) {
  Shipped shipped(2);
  const auto healthy = shipped.guest.cpus[1];
  shipped.guest.unstart(1);
  shipped.take();
  EXPECT_THAT(shipped.not_ok(), IsEmpty());
  shipped.guest.cpus[1] = healthy;
  EXPECT_THAT(shipped.not_ok(), IsEmpty());
}

TEST(ShippedPolicies, AreQuietWhileTheGuestWorks) {
  Shipped shipped(2);
  auto& guest = shipped.guest;
  guest.cpus[0].cr3 = guest.new_root();                 // another process
  guest.set_descriptor(0, 12, 0x10c0f3aabbccdfff);      // its TLS
  guest.set_descriptor(0, 10, 0x0000820000000000 | 1);  // its LDT
  guest.set_descriptor(1, 4, 0x00cffa000000ffff);       // accessed bit
  guest.cpus[0].msrs->kernel_gs_base = 77;
  guest.cpus[1].cr4 &= ~x86::cr4::kPge;
  guest.cpus[1].rip = 3;
  EXPECT_THAT(shipped.not_ok(), IsEmpty());
}

TEST(ShippedPolicies, AreUnknownWithoutABaselineWhereTheyNeedOne) {
  Shipped shipped;
  shipped.without_baseline();
  std::vector<std::string> unknown;
  for (const auto& [name, verdict] : shipped.not_ok()) {
    EXPECT_EQ(verdict, Verdict::unknown) << name;
    unknown.push_back(name);
  }
  EXPECT_THAT(unknown, ElementsAre("control-registers/protections-kept", "gdt/entries-unchanged",
                                   "gdt/table-not-moved", "idt/gates-unchanged", "idt/table-not-moved",
                                   "msr-entry-points/unchanged"));
}

TEST(ShippedPolicies, AreAllUnknownBeforeTheGuestBoots) {
  Shipped shipped(1);
  shipped.guest.unstart(0);
  EXPECT_THAT(shipped.violated(), IsEmpty());
  const auto found = shipped.not_ok();
  for (const char* name :
       {"idt/gates-unchanged", "idt/user-gates", "idt/handlers-in-kernel-half", "gdt/no-call-gates",
        "gdt/entries-unchanged", "wx-mappings/kernel-wx", "control-registers/protections-kept"})
    EXPECT_TRUE(found.contains(name)) << name;
}

TEST(ShippedPolicies, AreUnknownWhereMsrsAreUnknown) {
  Shipped shipped(1);
  shipped.guest.cpus[0].msrs.reset();
  std::vector<std::string> names;
  for (const auto& [name, verdict] : shipped.not_ok()) {
    EXPECT_EQ(verdict, Verdict::unknown);
    names.push_back(name);
  }
  EXPECT_THAT(names, ElementsAre("msr-entry-points/entry-in-kernel-half",
                                 "msr-entry-points/same-on-all-vcpus", "msr-entry-points/unchanged"));
}

TEST(ShippedIdt, ReportsAChangedHandler) {
  Shipped shipped(1);
  shipped.guest.set_gate(14, shipped.guest.text() + 0x5000);
  EXPECT_THAT(shipped.violated(), ElementsAre("idt/gates-unchanged"));
  EXPECT_THAT(shipped.messages,
              ElementsAre("IDT gate 14 of vCPU 0 changed: handler 0xffffffff810001e0 -> 0xffffffff81005000, "
                          "DPL 0 -> 0, type interrupt-gate -> interrupt-gate"));
}

TEST(ShippedIdt, ReportsAnotherTable) {
  Shipped shipped(1);
  // A copy of the table, byte by byte, elsewhere.
  std::array<std::byte, guest::kPageSize> table;
  ASSERT_TRUE(shipped.guest.memory.read(guest::Gpa{FakeGuest::kIdtGpa}, table));
  shipped.guest.memory.write(guest::Gpa{0x700000}, table);
  shipped.guest.map(shipped.guest.root(), 0xffff888000700000, 0x700000, FakeGuest::kNoExecute);
  shipped.guest.cpus[0].idt.base = guest::Gva{0xffff888000700000};
  EXPECT_THAT(shipped.violated(), ElementsAre("idt/table-not-moved"));
}

TEST(ShippedIdt, ReportsAGateThatUserCodeMayRaise) {
  Shipped shipped(1);
  shipped.guest.set_gate(0x99, shipped.guest.text() + 0x100 + 0x99 * 16, 3);
  EXPECT_THAT(shipped.violated(), ElementsAre("idt/gates-unchanged", "idt/user-gates"));
}

TEST(ShippedIdt, ReportsAHandlerInUserMemory) {
  Shipped shipped(1);
  shipped.guest.set_gate(0x20, 0x400000);
  EXPECT_THAT(shipped.violated(), ElementsAre("idt/gates-unchanged", "idt/handlers-in-kernel-half"));
  Shipped small(1, PagingMode::pae);
  small.guest.set_gate(0x20, 0xbfff0000);
  EXPECT_THAT(small.violated(), ElementsAre("idt/gates-unchanged", "idt/handlers-in-kernel-half"));
}

TEST(ShippedIdt, ReportsAVcpuWithATableOfItsOwn) {
  Shipped shipped(2);
  std::array<std::byte, guest::kPageSize> table;
  ASSERT_TRUE(shipped.guest.memory.read(guest::Gpa{FakeGuest::kIdtGpa}, table));
  table[14 * 16] ^= std::byte{0x40};
  shipped.guest.memory.write(guest::Gpa{0x700000}, table);
  shipped.guest.map(shipped.guest.root(), 0xffff888000700000, 0x700000, FakeGuest::kNoExecute);
  shipped.guest.cpus[1].idt.base = guest::Gva{0xffff888000700000};
  EXPECT_THAT(shipped.violated(),
              ElementsAre("idt/gates-unchanged", "idt/same-on-all-vcpus", "idt/table-not-moved"));
}

TEST(ShippedGdt, ReportsAChangedEntry) {
  Shipped shipped(1);
  shipped.guest.set_descriptor(0, 2, 0x00affb000000ffff);  // kernel code becomes user code
  EXPECT_THAT(shipped.violated(), ElementsAre("gdt/entries-unchanged"));
}

TEST(ShippedGdt, ReportsAnotherTable) {
  Shipped shipped(1);
  shipped.guest.cpus[0].gdt.limit = 0x77;
  EXPECT_THAT(shipped.violated(), ElementsAre("gdt/entries-unchanged", "gdt/table-not-moved"));
}

TEST(ShippedGdt, ReportsACallGateEvenInATlsSlot) {
  Shipped shipped(1);
  shipped.guest.set_descriptor(0, 12, 0x8100ec0000100000);
  EXPECT_THAT(shipped.violated(), ElementsAre("gdt/no-call-gates"));
}

TEST(ShippedGdt, ReportsUserCodeWithABase) {
  Shipped shipped(1, PagingMode::pae);
  shipped.guest.set_descriptor(0, 6, 0x10cffa001000ffff);
  EXPECT_THAT(shipped.violated(), ElementsAre("gdt/user-code-is-flat"));
}

TEST(ShippedControlRegisters, ReportsWriteProtectOff) {
  Shipped shipped(1);
  shipped.guest.cpus[0].cr0 &= ~x86::cr0::kWp;
  EXPECT_THAT(shipped.violated(),
              ElementsAre("control-registers/protections-kept", "control-registers/write-protect"));
}

TEST(ShippedControlRegisters, ReportsADroppedProtection) {
  for (const auto bit : {x86::cr4::kSmep, x86::cr4::kSmap, x86::cr4::kUmip}) {
    Shipped shipped(1);
    shipped.guest.cpus[0].cr4 &= ~bit;
    EXPECT_THAT(shipped.violated(), ElementsAre("control-registers/protections-kept"));
  }
}

TEST(ShippedControlRegisters, ReportsNxOffEvenThoughItBlindsTheOtherPolicy) {
  Shipped shipped(1);
  shipped.guest.cpus[0].efer &= ~x86::efer::kNxe;
  const auto found = shipped.not_ok();
  EXPECT_EQ(found.at("control-registers/protections-kept"), Verdict::violated);
  EXPECT_EQ(found.at("wx-mappings/kernel-wx"), Verdict::not_applicable);
}

TEST(ShippedControlRegisters, ReportsAVcpuThatLacksAProtection) {
  Shipped shipped(2);
  shipped.without_baseline();
  shipped.guest.cpus[1].cr4 &= ~x86::cr4::kSmap;
  EXPECT_THAT(shipped.violated(), ElementsAre("control-registers/same-on-all-vcpus"));
  EXPECT_THAT(shipped.messages,
              ElementsAre("vCPU 1 lacks a protection that another has: WP yes, SMEP yes, SMAP no, "
                          "UMIP yes, NXE yes"));
}

TEST(ShippedMsrs, ReportsAChangedEntryPoint) {
  Shipped shipped(1);
  shipped.guest.cpus[0].msrs->lstar += 0x40;
  EXPECT_THAT(shipped.violated(), ElementsAre("msr-entry-points/unchanged"));
  EXPECT_THAT(shipped.messages,
              ElementsAre("LSTAR of vCPU 0 changed: 0xffffffff81003000 -> 0xffffffff81003040"));
}

TEST(ShippedMsrs, ReportsOneVcpuThatEntersElsewhere) {
  Shipped shipped(2);
  shipped.without_baseline();
  shipped.guest.cpus[1].msrs->cstar += 0x40;
  EXPECT_THAT(shipped.violated(), ElementsAre("msr-entry-points/same-on-all-vcpus"));
}

TEST(ShippedMsrs, ReportsAnEntryInUserMemory) {
  Shipped shipped(1);
  shipped.guest.cpus[0].msrs->lstar = 0x400000;
  EXPECT_THAT(shipped.violated(),
              ElementsAre("msr-entry-points/entry-in-kernel-half", "msr-entry-points/unchanged"));
}

TEST(ShippedWx, ReportsAPageThatIsBoth) {
  for (const auto mode : {PagingMode::four_level, PagingMode::pae}) {
    Shipped shipped(1, mode);
    shipped.guest.map(shipped.guest.root(), shipped.guest.text() + 0x20000, 0x700000, FakeGuest::kWritable);
    EXPECT_THAT(shipped.violated(), ElementsAre("wx-mappings/kernel-wx"));
  }
}

TEST(ShippedWx, UserPagesMayBeBoth) {
  Shipped shipped(1);
  shipped.guest.map(shipped.guest.root(), 0x600000, 0x700000, FakeGuest::kWritable | FakeGuest::kUser);
  EXPECT_THAT(shipped.not_ok(), IsEmpty());
}

}  // namespace
}  // namespace ringside::policies::testing
