// SPDX-License-Identifier: Apache-2.0
#include "table_builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace ringside::guest::x86 {

bool operator==(const Mapping& a, const Mapping& b) {
  return a.gva == b.gva && a.gpa == b.gpa && a.size == b.size && a.page_size == b.page_size &&
         a.permissions == b.permissions && a.global == b.global;
}
void PrintTo(const Mapping& m, std::ostream* out) {
  *out << to_string(m.gva) << "->" << to_string(m.gpa) << " size " << std::hex << m.size << " page "
       << m.page_size << (m.permissions.writable ? " w" : " -") << (m.permissions.user ? "u" : "-")
       << (m.permissions.executable ? "x" : "-") << (m.global ? "g" : "-");
}

namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr Permissions kKernelData{true, false, false}, kKernelText{false, false, true};

class Enumerate : public ::testing::Test {
 protected:
  Result<PageTables::Summary> enumerate(const TableBuilder&, const PagingRoot& root,
                                        const PageTables::Bounds& bounds = {}) {
    Snapshot snapshot({}, {}, memory_);
    snapshot.record_into(&read_set_);
    found_.clear();
    return PageTables(snapshot, root).enumerate(bounds, [&](const Mapping& mapping) {
      found_.push_back(mapping);
      return found_.size() < stop_after_;
    });
  }
  Result<PageTables::Summary> enumerate(TableBuilder& tables, const PageTables::Bounds& bounds = {}) {
    return enumerate(tables, tables.root(), bounds);
  }

  testing::FakeMemory memory_{std::uint64_t{64} << 20};
  ReadSet read_set_;
  std::vector<Mapping> found_;
  std::size_t stop_after_ = ~std::size_t{0};
};

TEST_F(Enumerate, JoinsPagesThatGoOnInBothSpacesWithEqualRights) {
  TableBuilder tables(memory_, PagingMode::four_level);
  for (unsigned i = 0; i < 4; ++i)
    tables.set(0x1ff000 + i * 0x1000, 1, (0x8000 + i * 0x1000) | kP | kRw | kXd);
  tables.set(0x203000, 1, 0xc000 | kP | kXd);        // other rights
  tables.set(0x204000, 1, 0xe000 | kP | kXd);        // a gap in the GPA
  tables.set(0x206000, 1, 0x10000 | kP | kXd);       // a gap in the GVA
  tables.set(0x207000, 1, 0x11000 | kP | kXd | kG);  // global
  tables.set(0x400000, 2, 0x400000 | kP | kRw | kXd | kPs);
  tables.set(0x600000, 2, 0x600000 | kP | kRw | kXd | kPs);
  tables.set(0x800000, 1, 0x800000 | kP | kRw | kXd);  // another page size
  const auto summary = enumerate(tables);
  ASSERT_TRUE(summary) << summary.error().message;
  const Permissions read_only{false, false, false};
  EXPECT_THAT(found_, ElementsAre(Mapping{{0x1ff000}, {0x8000}, 0x4000, 0x1000, kKernelData, false},
                                  Mapping{{0x203000}, {0xc000}, 0x1000, 0x1000, read_only, false},
                                  Mapping{{0x204000}, {0xe000}, 0x1000, 0x1000, read_only, false},
                                  Mapping{{0x206000}, {0x10000}, 0x1000, 0x1000, read_only, false},
                                  Mapping{{0x207000}, {0x11000}, 0x1000, 0x1000, read_only, true},
                                  Mapping{{0x400000}, {0x400000}, 0x400000, 0x200000, kKernelData, false},
                                  Mapping{{0x800000}, {0x800000}, 0x1000, 0x1000, kKernelData, false}));
  EXPECT_EQ(summary->pages, 11u);
  EXPECT_EQ(summary->tables, 6u);  // PML4, PDPT, PD, three PTs
  EXPECT_EQ(summary->unreadable_tables, 0u);
}

TEST_F(Enumerate, ReachesBothEndsOfEveryMode) {
  struct Case {
    PagingMode mode;
    std::uint64_t low_end, high_start, top;
  };
  for (const Case& c :
       {Case{PagingMode::five_level, 0x00fffffffffff000, 0xff00000000000000, 0xfffffffffffff000},
        Case{PagingMode::four_level, 0x00007ffffffff000, 0xffff800000000000, 0xfffffffffffff000},
        Case{PagingMode::pae, 0x7ffff000, 0x80000000, 0xfffff000},
        Case{PagingMode::two_level, 0x7ffff000, 0x80000000, 0xfffff000}}) {
    testing::FakeMemory memory(std::uint64_t{16} << 20);
    TableBuilder tables(memory, c.mode);
    // Contiguous in GPA: only the GVA keeps the halves apart.
    std::uint64_t gpa = 0x1000;
    std::vector<std::uint64_t> expected{0, c.low_end, c.high_start, c.top};
    for (std::uint64_t gva : expected) tables.set(gva, 1, (gpa += 0x2000) | kP);
    Snapshot snapshot({}, {}, memory);
    const PageTables view(snapshot, tables.root());
    std::vector<std::uint64_t> found;
    const auto summary = view.enumerate({}, [&](const Mapping& mapping) {
      found.push_back(mapping.gva.value);
      EXPECT_EQ(mapping.gpa, view.translate(mapping.gva)->gpa);
      return true;
    });
    ASSERT_TRUE(summary);
    EXPECT_EQ(found, expected) << to_string(c.mode);
    found.clear();
    ASSERT_TRUE(view.enumerate({Gva{c.high_start}}, [&](const Mapping& mapping) {
      found.push_back(mapping.gva.value);
      return true;
    }));
    EXPECT_EQ(found, (std::vector<std::uint64_t>{c.high_start, c.top})) << to_string(c.mode);
  }
}

TEST_F(Enumerate, BoundsPickPagesThatOverlapThem) {
  TableBuilder tables(memory_, PagingMode::four_level);
  for (std::uint64_t page : {0x1000u, 0x2000u, 0x3000u, 0x4000u}) tables.set(page, 1, (page * 2) | kP);
  tables.set(0x200000, 2, 0x200000 | kP | kPs);
  ASSERT_TRUE(enumerate(tables, {Gva{0x2fff}, Gva{0x3000}}));
  ASSERT_EQ(found_.size(), 2u);
  EXPECT_EQ(found_[0].gva, Gva{0x2000});
  ASSERT_TRUE(enumerate(tables, {Gva{0x300000}, Gva{0x300000}}));
  EXPECT_THAT(found_, ElementsAre(Mapping{{0x200000}, {0x200000}, 0x200000, 0x200000, kKernelText, false}));
  ASSERT_TRUE(enumerate(tables, {Gva{0x3000}, Gva{0x2000}}));
  EXPECT_TRUE(found_.empty());
}

TEST_F(Enumerate, DependsOnThePartOfTheTopTableThatItLookedAt) {
  TableBuilder tables(memory_, PagingMode::four_level);
  tables.set(0x1000, 1, 0x5000 | kP);
  tables.set(0xffffffff81000000, 1, 0x1000000 | kP);
  ASSERT_TRUE(enumerate(tables, {kernel_half(PagingMode::four_level)}));
  EXPECT_TRUE(read_set_.unchanged_in(memory_));
  tables.put(tables.root().table, 0);
  EXPECT_TRUE(read_set_.unchanged_in(memory_));
  tables.put(tables.root().table + 300 * 8, 0x5000 | kP);
  EXPECT_FALSE(read_set_.unchanged_in(memory_));
}

TEST_F(Enumerate, RunsEndWhereTheVisitorSaysSo) {
  TableBuilder tables(memory_, PagingMode::four_level);
  for (unsigned i = 0; i < 100; ++i) tables.set(i * 0x2000, 1, 0x5000 | kP);
  stop_after_ = 3;
  ASSERT_TRUE(enumerate(tables));
  EXPECT_EQ(found_.size(), 3u);
}

TEST_F(Enumerate, ReadsEachLevelInOneCall) {
  TableBuilder tables(memory_, PagingMode::four_level);
  for (unsigned i = 0; i < 200; ++i) tables.set(0xffff888000000000 + i * 0x40200000ull, 1, 0x5000 | kP);
  memory_.reset_counters();
  const auto summary = enumerate(tables, {kernel_half(PagingMode::four_level)});
  ASSERT_TRUE(summary);
  EXPECT_GT(summary->tables, 400u);
  EXPECT_EQ(memory_.calls(), 4u);
}

TEST_F(Enumerate, CountsWhatItCouldNotRead) {
  TableBuilder tables(memory_, PagingMode::four_level);
  tables.set(0x1000, 1, 0x5000 | kP);
  tables.set(0x200000, 2, 0xfee00000 | kP);          // MMIO
  tables.set(0x400000, 2, 0x000ffffffffff000 | kP);  // beyond RAM
  tables.set(0x600000, 1, 0x6000 | kP);
  tables.set(0x800000, 2, 0x7000 | kP | kPs);  // reserved bits
  memory_.fail_page(tables.table(0x600000, 1), {Errc::gone, "unplugged"});
  const auto summary = enumerate(tables);
  ASSERT_TRUE(summary);
  EXPECT_EQ(found_.size(), 1u);
  EXPECT_EQ(summary->unreadable_tables, 3u);
  EXPECT_EQ(summary->malformed_entries, 1u);
  ASSERT_TRUE(summary->first_unreadable);
  EXPECT_EQ(summary->first_unreadable->code, Errc::not_ram);
  EXPECT_THAT(summary->first_unreadable->message, HasSubstr("0x0000000000200000"));

  memory_.fail_page(tables.root().table, {Errc::gone, "unplugged"});
  const auto failed = enumerate(tables);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Errc::gone);
}

TEST_F(Enumerate, APageThatIsEveryTableStopsAtTheBound) {
  for (PagingMode mode : {PagingMode::five_level, PagingMode::four_level}) {
    TableBuilder tables(memory_, mode);
    for (unsigned i = 0; i < 512; ++i)
      tables.put(tables.root().table + i * 8, tables.root().table.value | kP | kRw | kUs);
    PageTables::Bounds bounds;
    bounds.max_tables = 2000;
    memory_.reset_counters();
    const auto summary = enumerate(tables, bounds);
    ASSERT_FALSE(summary);
    EXPECT_EQ(summary.error().code, Errc::out_of_bounds);
    EXPECT_EQ(memory_.pieces(), 1u);          // one page, read once
    EXPECT_EQ(read_set_.bytes(), kPageSize);  // and noted once
  }
}

TEST_F(Enumerate, SharedTablesStopAtTheBound) {
  TableBuilder tables(memory_, PagingMode::four_level);
  std::vector<Gpa> level{tables.root().table, tables.new_table(), tables.new_table(), tables.new_table()};
  for (unsigned depth = 0; depth < 4; ++depth)
    for (unsigned i = 0; i < 512; ++i)
      tables.put(level[depth] + i * 8, (depth < 3 ? level[depth + 1].value : 0x5000) | kP | kRw);
  PageTables::Bounds bounds;
  bounds.max_tables = 5000;
  const auto summary = enumerate(tables, bounds);
  ASSERT_FALSE(summary);
  EXPECT_EQ(summary.error().code, Errc::out_of_bounds);
  EXPECT_THAT(summary.error().message, HasSubstr("5000"));
  bounds.max_tables = 1u << 16;
  bounds.max_mappings = 1000;
  const auto many = enumerate(tables, bounds);
  ASSERT_FALSE(many);
  EXPECT_EQ(many.error().code, Errc::out_of_bounds);
  EXPECT_EQ(found_.size(), 1000u);
}

TEST_F(Enumerate, PagingOffIsUnsupported) {
  TableBuilder tables(memory_, PagingMode::four_level);
  EXPECT_EQ(enumerate(tables, PagingRoot{}).error().code, Errc::unsupported);
}

}  // namespace
}  // namespace ringside::guest::x86
