// SPDX-License-Identifier: Apache-2.0
// Modules, symbols and names of addresses in SQL, over a made-up kernel and where there is none.
#include "fake_guest.h"
#include "policies/engine/compile.h"
#include "tests/unit/support/fake_modules.h"

#include <gmock/gmock.h>

namespace ringside::policies::testing {
namespace {

using guest::Gva;
using ringside::testing::FakeModules;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Kind = guest::linux::ModuleRegionKind;
using Rows = std::vector<std::vector<Value>>;

constexpr std::uint64_t kBridge = 0xffffffffc0100000, kVeth = 0xffffffffc0200000;

Value number(std::uint64_t value) {
  return static_cast<std::int64_t>(value);
}

/// A kernel with two modules, found in its snapshot.
struct World {
  /// `moved`: where the data symbol stands, as KASLR would move it.
  explicit World(std::uint64_t moved = 0x1500100) {
    auto& kernel = modules.kernel;
    kernel.define("_stext", Gva{0x1000000}, 'T');
    kernel.define("do_something", Gva{0x1000100}, 'T');
    kernel.define("an_alias", Gva{0x1000100}, 't');
    kernel.define("__start_rodata", Gva{0x1400000}, 'R');
    kernel.define("init_task", Gva{moved}, 'D');
    kernel.put(Gva{moved}, std::uint64_t{0x1122334455667788});
    const Gva veth = modules.add("veth"), bridge = modules.add("bridge");
    for (const auto& [module, base] : {std::pair(veth, kVeth), std::pair(bridge, kBridge)}) {
      modules.set_region(module, {Kind::text, base, 0x3000});
      modules.set_region(module, {Kind::data, base + 0x4000, 0x1000});
    }
    modules.set_symbols(bridge, {{"", 0, '?', 0}, {"br_handle", kBridge + 0x100}, {"same", kBridge + 0x200}});
    modules.set_symbols(veth, {{"", 0, '?', 0}, {"same", kVeth + 0x200}});
    kernel.put_pointer(bridge + modules.offset().taints, 1u << 12);
    guest::linux::Kernel::set(kernel.snapshot(), {std::shared_ptr<guest::linux::Kernel>(), &modules.kernel});
  }
  FakeModules modules;
  guest::Snapshot& snapshot() { return modules.kernel.snapshot(); }
};

class LinuxModules : public ::testing::Test {
 protected:
  World world;
  QueryResult query(const std::string& sql) { return ask(world.snapshot(), sql); }
};

TEST_F(LinuxModules, AreRowsInTheKernelsOrder) {
  const auto found = query("SELECT name, state, base, size, taints, symbols, load_order FROM modules");
  EXPECT_THAT(found.incomplete, IsEmpty());
  EXPECT_EQ(found.rows, (Rows{{"bridge", "live", number(kBridge), number(0x4000), "O", number(3), number(2)},
                              {"veth", "live", number(kVeth), number(0x4000), "", number(2), number(1)}}));
  EXPECT_EQ(query("SELECT kind, base FROM module_regions WHERE module = 'veth' AND kind = 'data'").rows,
            (Rows{{"data", number(kVeth + 0x4000)}}));
}

TEST_F(LinuxModules, SymbolsOfImageAndModulesAreOneTable) {
  EXPECT_EQ(query("SELECT name, type, module FROM symbols WHERE name = 'same'").rows,
            (Rows{{"same", "t", "bridge"}, {"same", "t", "veth"}}));
  EXPECT_EQ(query("SELECT name FROM symbols WHERE address = 0x1000100").rows,
            (Rows{{"do_something"}, {"an_alias"}}));
  EXPECT_EQ(query("SELECT name FROM symbols WHERE module = 'bridge'").rows, (Rows{{"br_handle"}, {"same"}}));
  const std::uint64_t image = world.modules.kernel.symbols().size();
  EXPECT_GE(image, 5u);
  EXPECT_EQ(query("SELECT count(*) FROM symbols WHERE module IS NULL").rows, (Rows{{number(image)}}));
  EXPECT_EQ(query("SELECT count(*) FROM symbols").rows, (Rows{{number(image + 3)}}));
}

TEST_F(LinuxModules, AnOrOverPushedDownColumnsGivesEachSymbolOnce) {
  EXPECT_THAT(query("SELECT * FROM symbols WHERE name = 'an_alias' OR address = 0x1000100").rows, SizeIs(2));
  EXPECT_THAT(query("SELECT * FROM symbols WHERE name = 'same' OR module = 'bridge'").rows, SizeIs(3));
}

TEST_F(LinuxModules, FunctionsNameAddressesAndFindThem) {
  const auto found = query(
      "SELECT symbol(0x1000104), symbol(0xffffffffc0100110), symbol(0x400000), addr('init_task'), "
      "addr('veth:same'), addr('same [bridge]'), addr('nothing'), symbol(NULL), addr(NULL)");
  EXPECT_THAT(found.incomplete, IsEmpty());
  EXPECT_EQ(found.rows, (Rows{{"do_something+0x4", "br_handle+0x10 [bridge]", Value{}, number(0x1500100),
                               number(kVeth + 0x200), number(kBridge + 0x200), Value{}, Value{}, Value{}}}));
}

TEST_F(LinuxModules, InTextIsTrueForCodeOnly) {
  EXPECT_EQ(query("SELECT in_text(addr('_stext')), in_text(addr('init_task')), in_text(addr('br_handle')), "
                  "in_text(0xffffffffc0104000), in_text(0x400000), in_text(NULL)")
                .rows,
            (Rows{{number(1), number(0), number(1), number(0), number(0), Value{}}}));
}

TEST_F(LinuxModules, ReadingMemoryGivesItsValueOrSaysThatItCouldNot) {
  const auto found = query("SELECT read_u64(addr('init_task'))");
  EXPECT_EQ(found.rows, (Rows{{number(0x1122334455667788)}}));
  EXPECT_THAT(found.incomplete, IsEmpty());
  const auto failed = query("SELECT read_u64(0x7fffffff0000)");
  EXPECT_EQ(failed.rows, (Rows{{Value{}}}));
  EXPECT_THAT(failed.incomplete, ElementsAre(HasSubstr("read_u64(): ")));
  EXPECT_THAT(query("SELECT read_u64(0x7fffffff0000) FROM modules WHERE name = 'none'").incomplete, IsEmpty())
      << "it was never asked for";
}

TEST_F(LinuxModules, APreparedStatementAsksTheSnapshotThatIsBound) {
  World other(0x1600000);
  auto database = Database::create().value();
  const char* sql = "SELECT addr('init_task'), symbol(0x1600004)";
  database->bind(&world.snapshot());
  EXPECT_EQ(database->query(sql)->rows, (Rows{{number(0x1500100), "init_task+0xfff04"}}));
  database->bind(&other.snapshot());
  EXPECT_EQ(database->query(sql)->rows, (Rows{{number(0x1600000), "init_task+0x4"}}));
  database->bind(&world.snapshot());
  EXPECT_EQ(database->query(sql)->rows, (Rows{{number(0x1500100), "init_task+0xfff04"}}));
}

TEST_F(LinuxModules, WhatAFunctionReadsIsInTheReadSet) {
  guest::ReadSet reads;
  world.snapshot().record_into(&reads);
  query("SELECT in_text(0xffffffffc0100110)");
  world.snapshot().record_into(nullptr);
  EXPECT_GT(reads.bytes(), 0u);
}

TEST(LinuxNames, AreNotThereWithoutASnapshot) {
  auto database = Database::create().value();
  const auto result = database->query("SELECT symbol(1)");
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message, HasSubstr("no snapshot"));
}

TEST(LinuxNames, AreNullAndTheAnswerIncompleteWhereNoKernelIsFound) {
  FakeGuest guest;
  const auto snapshot = guest.snapshot();
  for (const char* sql :
       {"SELECT symbol(1)", "SELECT addr('init_task')", "SELECT in_text(1)",
        "SELECT read_u64(0xffffffff81000000)", "SELECT symbol FROM idt WHERE vector = 3",
        "SELECT region FROM page_mappings LIMIT 1", "SELECT module FROM msrs WHERE name = 'LSTAR'",
        "SELECT symbol FROM tss", "SELECT region FROM vcpus",
        "SELECT symbol FROM registers WHERE name = 'idtr.base'"}) {
    const auto found = ask(*snapshot, sql);
    ASSERT_EQ(found.rows.size(), 1u) << sql;
    EXPECT_EQ(found.rows[0][0], Value{}) << sql;
    EXPECT_THAT(found.incomplete, SizeIs(1)) << sql;
  }
}

TEST(LinuxNames, LeaveWhatDoesNotLookAtThemAlone) {
  FakeGuest guest;
  const auto snapshot = guest.snapshot();
  for (const char* sql :
       {"SELECT vcpu, vector, handler FROM idt", "SELECT gva, size FROM page_mappings",
        "SELECT name, value FROM msrs", "SELECT rsp0, ist1 FROM tss", "SELECT vcpu, started FROM vcpus",
        "SELECT name, value FROM registers", "SELECT symbol FROM msrs WHERE name = 'STAR'"}) {
    const auto found = ask(*snapshot, sql);
    EXPECT_FALSE(found.rows.empty()) << sql;
    EXPECT_THAT(found.incomplete, IsEmpty()) << sql;
  }
}

TEST(LinuxNames, AreLookedUpForRowsOnlyThatTheQueryKeeps) {
  FakeGuest guest;
  const auto snapshot = guest.snapshot();
  // Nothing is said of names that could not be had for rows that do not count.
  for (const char* sql : {"SELECT gva, symbol, module, region FROM page_mappings WHERE size = 1",
                          "SELECT symbol FROM idt WHERE dpl = 2",
                          "SELECT count(*) FROM idt WHERE dpl = 2 AND symbol IS NULL"}) {
    EXPECT_THAT(ask(*snapshot, sql).incomplete, IsEmpty()) << sql;
  }
  EXPECT_THAT(ask(*snapshot, "SELECT count(*) FROM idt WHERE dpl = 0 AND symbol IS NULL").incomplete,
              SizeIs(1));
}

TEST(LinuxNames, AreInNoBaselineAndInNoCheckThatDoesNotNameThem) {
  FakeGuest guest;
  const auto baseline = take_baseline(*guest.snapshot());
  ASSERT_TRUE(baseline);
  for (const auto& [name, stored] : baseline->tables) {
    EXPECT_THAT(stored.incomplete, IsEmpty()) << name;
    for (const char* column : {"symbol", "module", "region"})
      EXPECT_EQ(std::count(stored.columns.begin(), stored.columns.end(), column), 0) << name << "." << column;
  }
  const auto sql = compile_expect(*find_table("idt"), {}, "present", "kernel");
  EXPECT_THAT(ask(*guest.snapshot(), sql).incomplete, IsEmpty());
  const auto named = compile_expect(*find_table("idt"), {"symbol"}, "present", "symbol IS NOT NULL");
  EXPECT_THAT(ask(*guest.snapshot(), named).incomplete, SizeIs(1));
}

TEST(HexFunction, ShowsIntegersAsNumbersAndBytesAsItAlwaysDid) {
  FakeGuest guest;
  EXPECT_EQ(
      ask(*guest.snapshot(), "SELECT hex(255), hex(-1), hex(0), hex('AB'), hex(x'0fa0'), hex(NULL), hex(1.5)")
          .rows,
      (Rows{{"0xff", "0xffffffffffffffff", "0x0", "4142", "0FA0", "", "312E35"}}));
}

}  // namespace
}  // namespace ringside::policies::testing
