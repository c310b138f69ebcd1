// SPDX-License-Identifier: Apache-2.0
// Policy linux-entry on recorded guests: silent on all of them, and loud where one thing is changed.
#include "policies/engine/evaluator.h"
#include "tests/support/mutated_guest.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace ringside::policies {
namespace {

using guest::Gpa;
using guest::Gva;
using ringside::testing::MutatedGuest;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

/// One recorded guest, its registers and memory free to be changed.
class EntryWorld {
 public:
  explicit EntryWorld(const std::string& key)
      : recorded_(ringside::testing::recorded_snapshot(key)),
        cpus(recorded_->kept_cpus()),
        memory(*recorded_) {
    auto set = shipped_policies();
    std::erase_if(set.policies, [](const Policy& policy) { return policy.name != "linux-entry"; });
    policies_ = std::move(set.policies);
    evaluator_ = Evaluator::create(policies_).value();
  }

  /// Ids of the checks with this verdict; their messages and reasons are kept.
  std::vector<std::string> with(Verdict verdict) {
    guest::Snapshot snapshot(recorded_->info(), cpus, memory);
    std::vector<std::string> ids;
    messages.clear();
    for (const auto& result : evaluator_->evaluate(policies_.at(0), snapshot)) {
      if (result.verdict != verdict) continue;
      ids.push_back(result.check->id);
      for (const auto& violation : result.violations) messages.push_back(violation.message);
      messages.insert(messages.end(), result.reasons.begin(), result.reasons.end());
    }
    return ids;
  }
  std::vector<std::string> violated() { return with(Verdict::violated); }

  /// The first cell of an answer.
  std::uint64_t number(const std::string& sql) {
    guest::Snapshot snapshot(recorded_->info(), cpus, memory);
    const auto database = Database::create().value();
    database->bind(&snapshot);
    const auto answer = database->query(sql);
    if (!answer || answer->rows.empty()) return 0;
    const auto* value = std::get_if<std::int64_t>(&answer->rows[0][0]);
    return value == nullptr ? 0 : static_cast<std::uint64_t>(*value);
  }
  /// Writes 8 bytes where the kernel sees them.
  void poke(std::uint64_t gva, std::uint64_t value) {
    guest::Snapshot snapshot(recorded_->info(), cpus, memory);
    const auto kernel = guest::linux::Kernel::of(snapshot);
    ASSERT_TRUE(kernel.has_value()) << kernel.error().message;
    const auto gpa = (*kernel)->space().translate(Gva{gva});
    ASSERT_TRUE(gpa.has_value()) << gpa.error().message;
    memory.write(*gpa, value);
  }

 private:
  std::unique_ptr<guest::Snapshot> recorded_;
  std::vector<Policy> policies_;
  std::unique_ptr<Evaluator> evaluator_;

 public:
  std::vector<guest::x86::CpuState> cpus;
  MutatedGuest memory;
  std::vector<std::string> messages;
};

class LinuxEntry : public ::testing::TestWithParam<std::string> {
 protected:
  LinuxEntry() : world(GetParam()) {}
  EntryWorld world;
};

TEST_P(LinuxEntry, IsSilentOnAHealthyKernel) {
  EXPECT_THAT(world.violated(), IsEmpty()) << ::testing::PrintToString(world.messages);
  const auto unknown = world.with(Verdict::unknown);
  for (const char* check : {"fred", "system-call-table", "system-call-dispatch"})
    EXPECT_THAT(unknown, Not(Contains(check))) << ::testing::PrintToString(world.messages);
}

TEST_P(LinuxEntry, SaysWhatItCannotKnow) {
  const bool is_32_bit = GetParam().find("686") != std::string::npos;
  for (auto& cpu : world.cpus) cpu.msrs.reset(), cpu.msrs_unknown = "not read";
  EXPECT_THAT(world.with(Verdict::unknown), Contains("system-call-entry"));
  if (is_32_bit) {
    EXPECT_THAT(world.messages, Contains(HasSubstr("an i386 kernel has no symbols of data")));
  }
}

INSTANTIATE_TEST_SUITE_P(Guests, LinuxEntry, ::testing::ValuesIn(ringside::testing::recorded_guests()),
                         [](const auto& guest) { return ringside::testing::test_name(guest.param); });

TEST(LinuxEntryChecks, ReportAGateThatEntersAnotherFunction) {
  EntryWorld world("6.1-cloud");
  const std::uint64_t gate = world.number("SELECT gva FROM idt WHERE vcpu = 0 AND vector = 14"),
                      low = world.number("SELECT handler FROM idt WHERE vcpu = 0 AND vector = 14");
  // Eight bytes further on: only the lowest 16 bits of the handler change.
  world.poke(gate,
             ((low & 0xffff) + 8) | 0x100000 | std::uint64_t{0x8e00} << 32 | (low >> 16 & 0xffff) << 48);
  EXPECT_THAT(world.violated(), ElementsAre("interrupt-handlers"));
  EXPECT_THAT(world.messages,
              Contains(HasSubstr("IDT gate 14 (page_fault) of vCPU 0 enters asm_exc_page_fault+0x8")));
}

TEST(LinuxEntryChecks, ReportAGateThatUserCodeMayRaise) {
  EntryWorld world("6.1-cloud");
  const std::uint64_t gate = world.number("SELECT gva FROM idt WHERE vcpu = 0 AND vector = 32"),
                      low = world.number("SELECT handler FROM idt WHERE vcpu = 0 AND vector = 32");
  world.poke(gate, (low & 0xffff) | 0x100000 | std::uint64_t{0xee00} << 32 | (low >> 16 & 0xffff) << 48);
  EXPECT_THAT(world.violated(), ElementsAre("interrupt-gates"));
}

TEST(LinuxEntryChecks, ReportAnotherInterruptTable) {
  EntryWorld world("6.1-cloud");
  world.cpus[0].idt.base = Gva{world.number("SELECT addr('idt_table')")};
  EXPECT_THAT(world.violated(), ElementsAre("interrupt-table-place"))
      << "the same table at its other address";
}

TEST(LinuxEntryChecks, ReportACallGateAndAChangedSegment) {
  EntryWorld world("6.1-cloud");
  const std::uint64_t gdt = world.number("SELECT gva FROM gdt WHERE vcpu = 0 AND entry = 0");
  world.poke(gdt + 7 * 8, 0x8100ec0000100000);
  EXPECT_THAT(world.violated(), ElementsAre("segments"));
  world.poke(gdt + 7 * 8, 0);
  EXPECT_THAT(world.violated(), IsEmpty());
  world.poke(gdt + 2 * 8, 0x00affb000000ffff);
  EXPECT_THAT(world.violated(), ElementsAre("segments"));
}

TEST(LinuxEntryChecks, LetTasksHaveTheirOwnSegments) {
  EntryWorld world("6.1-cloud");
  const std::uint64_t gdt = world.number("SELECT gva FROM gdt WHERE vcpu = 0 AND entry = 0");
  world.poke(gdt + 12 * 8, 0x10c0f3aabbccdfff);
  EXPECT_THAT(world.violated(), IsEmpty());
  world.poke(gdt + 12 * 8, 0x10c0fbaabbccdfff);
  EXPECT_THAT(world.violated(), ElementsAre("segments")) << "code is never a task's own";
}

TEST(LinuxEntryChecks, ReportMovedStacks) {
  EntryWorld world("6.1-cloud");
  const std::uint64_t tss = world.number("SELECT gva FROM tss WHERE vcpu = 0");
  world.poke(tss + 36, 0xfffffe0000000800);
  EXPECT_THAT(world.violated(), ElementsAre("entry-stacks"));
  EXPECT_THAT(world.messages, Contains(HasSubstr("interrupt stack 1 (DF) of vCPU 0 is 0xfffffe0000000800")));
}

TEST(LinuxEntryChecks, ReportASystemCallTableEntryAndSayWhatStoodThere) {
  EntryWorld world("5.10-cloud");
  const std::uint64_t entry = world.number("SELECT entry FROM syscalls WHERE abi = 'x64' AND nr = 62");
  const std::uint64_t getpid = world.number("SELECT addr('__x64_sys_getpid')");
  world.poke(entry, getpid);
  EXPECT_THAT(world.violated(), ElementsAre("system-call-table"));
  EXPECT_THAT(world.messages, Contains(HasSubstr("x64 system call 62 (kill) goes to __x64_sys_getpid at")));
}

TEST(LinuxEntryChecks, Report32BitSystemCallsInEachOthersPlace) {
  EntryWorld world("5.10-686");
  const auto of = [&](const char* column, int nr) {
    return world.number(fmt::format("SELECT {} FROM syscalls WHERE nr = {}", column, nr));
  };
  // Two entries, 8 bytes: getpid and mount.
  world.poke(of("entry", 20), world.number("SELECT addr('__ia32_sys_getuid16')") | of("handler", 21) << 32);
  EXPECT_THAT(world.violated(), ElementsAre("system-call-table"));
  EXPECT_THAT(world.messages,
              ElementsAre(HasSubstr("ia32 system call 20 (getpid) goes to __ia32_sys_getuid16 at")));
}

TEST(LinuxEntryChecks, ReportTheHighestSystemCallOfATableWithoutASymbol) {
  EntryWorld world("5.10-686");
  const std::uint64_t entry = world.number("SELECT max(entry) FROM syscalls"),
                      behind = world.number("SELECT read_u64(max(entry)) >> 32 FROM syscalls");
  world.poke(entry, 0xf8000100 | behind << 32);
  EXPECT_THAT(world.violated(), ElementsAre("system-call-table"));
  EXPECT_THAT(world.messages, ElementsAre(HasSubstr("ia32 system call 440 (process_madvise) goes to")));
}

TEST(LinuxEntryChecks, ReportAnUnusedSystemCallThatBecameUsed) {
  EntryWorld world("5.10-cloud");
  const std::uint64_t entry =
      world.number("SELECT entry FROM syscalls WHERE abi = 'x64' AND name IS NULL ORDER BY nr LIMIT 1");
  ASSERT_NE(entry, 0u);
  world.poke(entry, world.number("SELECT addr('commit_creds')"));
  EXPECT_THAT(world.violated(), ElementsAre("system-call-table"));
}

TEST(LinuxEntryChecks, ReportWhatAnMsrEnters) {
  EntryWorld world("6.1-cloud");
  const std::uint64_t entry = world.number("SELECT addr('entry_SYSCALL_64')");
  for (auto& cpu : world.cpus) {
    auto& msrs = cpu.msrs.emplace();
    msrs.lstar = entry;
    msrs.cstar = world.number("SELECT addr('entry_SYSCALL_compat')");
    msrs.star = 0x0023001000000000;
    msrs.sfmask = 0x257fd5;
    msrs.sysenter_cs = 0x10;
    msrs.sysenter_eip = world.number("SELECT addr('entry_SYSENTER_compat')");
    msrs.sysenter_esp = world.number(fmt::format("SELECT rsp0 FROM tss WHERE vcpu = {}", cpu.index));
  }
  EXPECT_THAT(world.violated(), IsEmpty()) << ::testing::PrintToString(world.messages);
  world.cpus[0].msrs->lstar = entry + 4;
  EXPECT_THAT(world.violated(), ElementsAre("system-call-entry"));
  world.cpus[0].msrs->lstar = entry;
  world.cpus[0].msrs->sfmask &= ~std::uint64_t{0x200};
  EXPECT_THAT(world.violated(), ElementsAre("system-call-entry"))
      << "system calls would run with interrupts on";
  world.cpus[0].msrs->sfmask |= 0x200;
  world.cpus[0].msrs->sysenter_esp += 0x1000;
  EXPECT_THAT(world.violated(), ElementsAre("entry-stacks"));
}

TEST(LinuxEntryChecks, ReportProtectionsThatAreOff) {
  EntryWorld world("6.1-cloud");
  const std::uint64_t pinned = world.number("SELECT addr('cr4_pinned_bits')");
  world.poke(pinned, 0x310800);
  EXPECT_THAT(world.violated(), IsEmpty());
  world.cpus[0].cr4 &= ~guest::x86::cr4::kSmap;
  EXPECT_THAT(world.violated(), ElementsAre("pinned-protections"));
  EXPECT_THAT(world.messages, Contains(HasSubstr("bits 0x200000 are pinned and off")));
  world.cpus[0].cr4 |= guest::x86::cr4::kSmap;
  world.cpus[0].cr0 &= ~guest::x86::cr0::kWp;
  EXPECT_THAT(world.violated(), ElementsAre("write-protection"));
  world.cpus[0].cr0 |= guest::x86::cr0::kWp;
  world.poke(world.number("SELECT addr('cr_pinning')"), 0);
  EXPECT_THAT(world.violated(), ElementsAre("pinning-enabled"));
}

TEST(LinuxEntryChecks, ReportADebugRegisterWithoutAnEvent) {
  EntryWorld world("6.1-cloud");
  const std::uint64_t slot =
      world.number("SELECT addr('bp_per_reg') + per_cpu_offset + 8 FROM cpus WHERE vcpu = 0");
  world.poke(slot, 0);
  auto& dr = world.cpus[0].dr;
  dr[1] = world.number("SELECT addr('__x64_sys_kill')");
  EXPECT_THAT(world.violated(), IsEmpty()) << "it is not enabled";
  dr[7] |= 1u << 3;
  EXPECT_THAT(world.violated(), ElementsAre("debug-registers"));
  EXPECT_THAT(world.messages, Contains(HasSubstr("dr1 of vCPU 0 watches")));
  world.poke(slot, 0xffff888001234560);
  EXPECT_THAT(world.violated(), IsEmpty()) << "an event stands behind it";
  world.poke(slot, 0);
  dr[1] = 0x400000;
  EXPECT_THAT(world.violated(), IsEmpty()) << "debuggers watch their programs";
}

TEST(LinuxEntryChecks, SayThatFredIsNotUnderstood) {
  EntryWorld world("6.1-cloud");
  for (auto& cpu : world.cpus) cpu.cr4 |= std::uint64_t{1} << 32;
  EXPECT_THAT(world.violated(), IsEmpty());
  EXPECT_THAT(world.with(Verdict::unknown), Contains("fred"));
}

}  // namespace
}  // namespace ringside::policies
