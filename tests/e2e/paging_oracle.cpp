// SPDX-License-Identifier: Apache-2.0
// Our page-table walk against QEMU's own, in every paging mode that Linux uses.
#include "guest/x86/page_tables.h"
#include "tests/e2e/support/attached.h"
#include "tests/e2e/support/monitor_text.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

namespace ringside::lab {
namespace {

using guest::Gva;
using guest::x86::Mapping;
using guest::x86::PagingMode;

struct Mode {
  const char* name;
  PagingMode mode;
  const char* kernel;
  const char* cpu;
};
constexpr Mode kModes[] = {
    {"TwoLevel", PagingMode::two_level, "686", kFourLevelCpu},
    {"Pae", PagingMode::pae, "686-pae", kFourLevelCpu},
    {"FourLevel", PagingMode::four_level, "amd64-cloud", kFourLevelCpu},
    {"FiveLevel", PagingMode::five_level, "amd64-cloud", kFiveLevelCpu},
};

/// One paused guest a mode, shared by the tests.
Result<std::unique_ptr<Guest>>& paused_guest(const Mode& mode) {
  static std::map<std::string, Result<std::unique_ptr<Guest>>> guests;
  const auto at = guests.find(mode.name);
  if (at != guests.end()) return at->second;
  Options options;
  options.kernel = mode.kernel;
  options.cpu = mode.cpu;
  auto booted = Guest::boot(options);
  if (booted && !(*booted)->qmp().execute("stop")) booted = fail(Errc::io, "cannot stop the guest");
  return guests.emplace(mode.name, std::move(booted)).first->second;
}

class PagingOracle : public testing::TestWithParam<Mode> {
 protected:
  void SetUp() override {
    auto& guest = paused_guest(GetParam());
    RINGSIDE_REQUIRE_GUEST(guest);
    guest_ = guest->get();
    auto attached = attach(*guest_);
    ASSERT_TRUE(attached.has_value()) << attached.error().message;
    attached_ = std::move(*attached);
    auto snapshot = attached_->live->snapshot(guest::live::MsrSource::none);
    ASSERT_TRUE(snapshot.has_value()) << snapshot.error().message;
    snapshot_ = std::move(*snapshot);
    root_ = guest::x86::PagingRoot::of(snapshot_->cpus(guest::RegisterGroups::root).at(0));
    ASSERT_EQ(root_.mode, GetParam().mode);
  }

  std::vector<Mapping> mappings() {
    std::vector<Mapping> all;
    const auto summary = guest::x86::PageTables(*snapshot_, root_).enumerate({}, [&](const Mapping& mapping) {
      all.push_back(mapping);
      return true;
    });
    EXPECT_TRUE(summary.has_value()) << summary.error().message;
    return all;
  }
  bool is_32_bit() const { return root_.mode == PagingMode::two_level || root_.mode == PagingMode::pae; }

  Guest* guest_ = nullptr;
  std::unique_ptr<Attached> attached_;
  std::unique_ptr<guest::Snapshot> snapshot_;
  guest::x86::PagingRoot root_;
};

TEST_P(PagingOracle, TranslatesRandomAddressesAsQemuDoes) {
  const std::vector<Mapping> mapped = mappings();
  ASSERT_FALSE(mapped.empty());
  std::mt19937_64 random(20110807);
  std::vector<std::uint64_t> addresses;
  for (int i = 0; i < 3000; ++i) {  // inside what is mapped
    const Mapping& m = mapped[random() % mapped.size()];
    addresses.push_back(m.gva.value + random() % m.size);
  }
  for (int i = 0; i < 1000; ++i) {  // at its borders
    const Mapping& m = mapped[random() % mapped.size()];
    addresses.push_back((random() % 2 != 0 ? m.gva.value : m.gva.value + m.size) + random() % 8192 - 4096);
  }
  for (int i = 0; i < 3000; ++i) {  // anywhere: canonical or not
    const std::uint64_t any = random();
    const unsigned bits = root_.mode == PagingMode::five_level ? 57 : 48;
    const auto canonical =
        static_cast<std::uint64_t>(static_cast<std::int64_t>(any << (64 - bits)) >> (64 - bits));
    addresses.push_back(i % 4 == 0 ? any : canonical);
  }
  if (is_32_bit())
    for (std::uint64_t& address : addresses) address &= 0xffffffff;

  std::vector<std::string> commands;
  for (const std::uint64_t address : addresses) commands.push_back(fmt::format("gva2gpa {:#x}", address));
  const std::vector<std::string> answers = guest_->qmp().hmp_batch(commands);
  const guest::x86::PageTables tables(*snapshot_, root_);
  std::size_t found = 0, unmapped = 0;
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    const auto theirs = parse_gva2gpa(answers[i]);
    const auto ours = tables.translate(Gva{addresses[i]});
    ASSERT_EQ(ours.has_value(), theirs.has_value())
        << fmt::format("{:#x}: QEMU says {}, we say {}", addresses[i], answers[i],
                       ours ? to_string(ours->gpa) : ours.error().error.message);
    if (ours) {
      ASSERT_EQ(ours->gpa.value, *theirs) << fmt::format("{:#x}", addresses[i]);
    }
    ++(ours ? found : unmapped);
  }
  EXPECT_GE(found, 3000u);
  EXPECT_GE(unmapped, 500u);
  RecordProperty("mapped", static_cast<int>(found));
  RecordProperty("unmapped", static_cast<int>(unmapped));
}

TEST_P(PagingOracle, EnumeratesTheLeavesOfInfoTlb) {
  const std::vector<TlbLine> theirs = parse_info_tlb(guest_->qmp().hmp("info tlb"));
  ASSERT_FALSE(theirs.empty());
  std::size_t next = 0;
  for (const Mapping& run : mappings()) {
    for (std::uint64_t offset = 0; offset < run.size; offset += run.page_size, ++next) {
      ASSERT_LT(next, theirs.size()) << "we find more than QEMU, from " << to_string(run.gva + offset);
      const TlbLine& line = theirs[next];
      ASSERT_EQ(run.gva.value + offset, line.gva);
      // Bits 12.. of a large page's entry hold PAT and reserved bits; bit 63 is NX.
      const std::uint64_t frame = line.entry & 0x000f'ffff'ffff'f000 & ~(run.page_size - 1);
      ASSERT_EQ(run.gpa.value + offset, frame) << fmt::format("at {:#x}", line.gva);
      ASSERT_EQ(run.global, line.flags.at(1) == 'G') << fmt::format("at {:#x}", line.gva);
      // The printed rights are the leaf's own; combined ones can only be narrower.
      const guest::x86::Permissions& rights = run.permissions;
      ASSERT_TRUE(!rights.executable || line.flags.at(0) != 'X') << fmt::format("at {:#x}", line.gva);
      ASSERT_TRUE(!rights.writable || line.flags.at(8) == 'W') << fmt::format("at {:#x}", line.gva);
      ASSERT_TRUE(!rights.user || line.flags.at(7) == 'U') << fmt::format("at {:#x}", line.gva);
    }
  }
  EXPECT_EQ(next, theirs.size()) << "QEMU finds more than we do";
}

/// `info mem` prints nothing under LA57 (QEMU 7.2 to 10.0); LongModeOracle does its work there.
class InfoMemOracle : public PagingOracle {};

TEST_P(InfoMemOracle, CombinesRightsAsInfoMemDoes) {
  const std::vector<MemLine> theirs = parse_info_mem(guest_->qmp().hmp("info mem"));
  ASSERT_FALSE(theirs.empty());
  std::vector<MemLine> ours;
  for (const Mapping& run : mappings()) {
    const bool user = run.permissions.user, writable = run.permissions.writable;
    if (!ours.empty() && ours.back().start + ours.back().size == run.gva.value && ours.back().user == user &&
        ours.back().writable == writable)
      ours.back().size += run.size;
    else
      ours.push_back({run.gva.value, run.size, user, writable});
  }
  ASSERT_EQ(ours.size(), theirs.size());
  for (std::size_t i = 0; i < ours.size(); ++i)
    ASSERT_EQ(ours[i], theirs[i]) << fmt::format("run {} at {:#x} (QEMU: {:#x})", i, ours[i].start,
                                                 theirs[i].start);
}

class LongModeOracle : public PagingOracle {};

TEST_P(LongModeOracle, CombinesRightsOverTheEntriesThatQemuShows) {
  const std::vector<Mapping> mapped = mappings();
  ASSERT_FALSE(mapped.empty());
  std::mt19937_64 random(57);
  for (int i = 0; i < 300; ++i) {
    const Mapping& run = mapped[random() % mapped.size()];
    const std::uint64_t gva = run.gva.value + random() % run.size;
    std::uint64_t table = register_field(guest_->qmp().hmp("info registers"), "CR3");
    bool user = true, writable = true, executable = true;
    for (int shift = root_.mode == PagingMode::five_level ? 48 : 39; shift >= 12; shift -= 9) {
      const std::uint64_t at = (table & 0x000f'ffff'ffff'f000) + ((gva >> shift) & 511) * 8;
      const std::string shown = guest_->qmp().hmp(fmt::format("xp /1gx {:#x}", at));
      const std::uint64_t entry = std::strtoull(shown.c_str() + shown.find(':') + 1, nullptr, 16);
      user = user && (entry & 4) != 0;
      writable = writable && (entry & 2) != 0;
      executable = executable && entry >> 63 == 0;
      if ((entry & 0x80) != 0 && shift <= 30 && shift > 12) break;
      table = entry;
    }
    const guest::x86::Permissions theirs{writable, user, executable};
    ASSERT_EQ(run.permissions, theirs) << fmt::format("at {:#x}", gva);
  }
}

std::string mode_name(const testing::TestParamInfo<Mode>& test) {
  return test.param.name;
}

INSTANTIATE_TEST_SUITE_P(Modes, PagingOracle, testing::ValuesIn(kModes), mode_name);
INSTANTIATE_TEST_SUITE_P(Modes, InfoMemOracle, testing::Values(kModes[0], kModes[1], kModes[2]), mode_name);
INSTANTIATE_TEST_SUITE_P(Modes, LongModeOracle, testing::Values(kModes[2], kModes[3]), mode_name);

}  // namespace
}  // namespace ringside::lab
