// SPDX-License-Identifier: Apache-2.0
#include "agent/cli.h"
#include "agent/output/json.h"
#include "guest/snapshot_file.h"
#include "tests/support/temporary_directory.h"
#include "tests/unit/support/fake_memory.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace ringside::agent {
namespace {

namespace x86 = guest::x86;
using testing::FakeMemory;

/// A snapshot file of a machine in 32-bit mode with 2-level paging: an IDT with two gates, a flat GDT.
class SnapshotVerbs : public ::testing::Test {
 protected:
  void SetUp() override {
    ::setenv("RINGSIDE_STATE_DIR", (folder_ / "state").c_str(), 1);
    good_ = save("good.rsnap", false);
    hooked_ = save("hooked.rsnap", true);
  }
  void TearDown() override { ::unsetenv("RINGSIDE_STATE_DIR"); }

  std::string save(const char* name, bool hooked) {
    FakeMemory memory(1u << 20);
    memory.write({0x1000 + 3 * 8}, from_hex("0010080000ee0000").value());  // vector 3: 0x8:0x1000, DPL 3
    memory.write({0x1000 + 14 * 8}, from_hex(hooked ? "adde0800008e0000" : "0020080000 8e0000").value());
    memory.write({0x3000 + 8}, from_hex("ffff0000009bcf00ffff00000093cf00").value());
    x86::CpuState cpu;
    memory.put({0x4000}, std::uint32_t{0x83});  // one 4 MiB page, present and writable: GVA = GPA
    cpu.cr0 = x86::cr0::kPe | x86::cr0::kPg;
    cpu.cr3 = 0x4000;
    cpu.cr4 = x86::cr4::kPse;
    cpu.idt = {{0x1000}, 20 * 8 - 1};
    cpu.gdt = {{0x3000}, 3 * 8 - 1};
    cpu.cs.selector = 8;
    cpu.tr.selector = 0x10;
    cpu.tr.base = 0x2000;
    cpu.tr.limit = 103;
    cpu.tr.flags = 0x8b00;  // present, busy 32-bit TSS
    cpu.msrs.emplace();
    guest::GuestInfo info;
    info.target = "/run/vm.qmp";
    info.name = "vm\x1b[31m";
    info.qemu_version = "7.2.22";
    info.accelerator = "tcg";
    info.status = "running";
    info.backend = "process";
    guest::Snapshot snapshot(info, {cpu}, memory);
    Bytes touched(0x5000);
    EXPECT_TRUE(snapshot.read({0}, touched).has_value());
    const std::string path = (folder_ / name).string();
    const auto saved = guest::save_snapshot(snapshot, path);
    EXPECT_TRUE(saved.has_value()) << saved.error().message;
    return path;
  }

  struct Ran {
    int exit;
    std::string out, err;
  };
  static Ran ringside(const std::vector<std::string>& arguments) {
    std::ostringstream out, err;
    Context context(out, err);
    const int exit = run(arguments, context);
    return {exit, out.str(), err.str()};
  }

  testing::TemporaryDirectory directory_;  // of its own: tests run side by side
  const std::filesystem::path folder_ = directory_.path();
  std::string good_, hooked_;
};

TEST_F(SnapshotVerbs, InspectShowsTheMachine) {
  const Ran ran = ringside({"inspect", good_});
  EXPECT_EQ(ran.exit, 0) << ran.err;
  EXPECT_NE(ran.out.find("1 MiB RAM"), std::string::npos) << ran.out;
  EXPECT_EQ(ran.out.find('\x1b'), std::string::npos) << "a guest's name must not steer the terminal";
  const Json json = Json::parse(ringside({"inspect", good_, "--json"}).out);
  EXPECT_EQ(json["vcpus"][0]["idtr"]["base"], "0x0000000000001000");
  EXPECT_FALSE(json["live"].get<bool>());
}

TEST_F(SnapshotVerbs, IdtShowsPresentGatesOrAll) {
  const Ran ran = ringside({"idt", good_});
  EXPECT_EQ(ran.exit, 0) << ran.err;
  EXPECT_NE(ran.out.find("18 gates that are not present left out"), std::string::npos) << ran.out;
  const Json json = Json::parse(ringside({"idt", good_, "--json"}).out);
  ASSERT_EQ(json["idt"].size(), 20u);
  EXPECT_EQ(json["idt"][14]["handler"], "0x0000000000002000");
  EXPECT_EQ(json["idt"][3]["dpl"], 3);
}

TEST_F(SnapshotVerbs, GdtRegistersAndMsrsAnswer) {
  EXPECT_EQ(Json::parse(ringside({"gdt", good_, "--json"}).out)["gdt"][1]["type"], "code");
  EXPECT_EQ(Json::parse(ringside({"registers", good_, "--json"}).out)["vcpus"][0]["cs"]["selector"],
            "0x0000000000000008");
  EXPECT_EQ(ringside({"msrs", good_}).exit, 0);
}

TEST_F(SnapshotVerbs, ReadShowsBytesThreeWays) {
  EXPECT_EQ(ringside({"read", good_, "0x1018", "8"}).out,
            "0000000000001018  00 10 08 00 00 ee 00 00                           |........|\n");
  EXPECT_EQ(ringside({"read", good_, "0x3008", "4", "--physical", "--raw"}).out,
            std::string("\xff\xff\0\0", 4));
  EXPECT_EQ(Json::parse(ringside({"read", good_, "0x1018", "2", "--json"}).out)["bytes"], "0010");
  const std::string file = (folder_ / "bytes").string();
  EXPECT_EQ(ringside({"read", good_, "0x1000", "4K", "--output", file}).exit, 0);
  EXPECT_EQ(std::filesystem::file_size(file), 4096u);
}

TEST_F(SnapshotVerbs, WhatTheSnapshotDoesNotHoldIsNotClean) {
  const Ran ran = ringside({"read", good_, "0x80000", "16", "--physical"});
  EXPECT_EQ(ran.exit, 4) << ran.err;
  EXPECT_EQ(ran.out, "");
  EXPECT_EQ(ringside({"read", good_, "0x200000", "16", "--physical"}).exit, 4);
}

TEST_F(SnapshotVerbs, QueryPrintsAddressesInHex) {
  const Ran ran = ringside({"query", good_, "SELECT vector, handler FROM idt WHERE present"});
  EXPECT_EQ(ran.exit, 0) << ran.err;
  EXPECT_EQ(ran.out,
            "vector             handler\n"
            "     3  0x0000000000001000\n"
            "    14  0x0000000000002000\n");
}

TEST_F(SnapshotVerbs, AnUnknownVcpuIsAUsageError) {
  EXPECT_EQ(ringside({"idt", good_, "--vcpu", "7"}).exit, 2);
  EXPECT_EQ(ringside({"translate", good_, "0x1000", "--vcpu", "7"}).exit, 2);
}

TEST_F(SnapshotVerbs, VerbsThatChangeAGuestRefuseAFile) {
  for (const auto& arguments : {std::vector<std::string>{"write", good_, "0x1000", "90", "--yes"},
                                {"restore", good_, "--yes"},
                                {"scan", good_, "--every", "1s"},
                                {"snapshot", "save", good_, "x"}})
    EXPECT_EQ(ringside(arguments).exit, 2) << arguments[0];
}

TEST_F(SnapshotVerbs, BaselineTellsAHookedGate) {
  EXPECT_EQ(ringside({"baseline", "diff", good_}).exit, 4) << "without a baseline nothing was checked";
  const Ran saved = ringside({"baseline", "save", good_});
  EXPECT_EQ(saved.exit, 0) << saved.out << saved.err;
  EXPECT_EQ(ringside({"baseline", "diff", good_}).exit, 0);
  const Ran diff = ringside({"baseline", "diff", hooked_, "--json"});
  EXPECT_EQ(diff.exit, 3) << diff.err;
  const Json differences = Json::parse(diff.out)["differences"];
  ASSERT_FALSE(differences.empty());
  EXPECT_EQ(differences[0]["table"], "idt");
  EXPECT_EQ(Json::parse(ringside({"baseline", "show", "--json"}).out)["baselines"].size(), 1u);
  EXPECT_EQ(ringside({"baseline", "rm", good_}).exit, 0);
  EXPECT_EQ(ringside({"baseline", "rm", good_}).exit, 4);
}

TEST_F(SnapshotVerbs, ScanFindsWhatAPolicyForbidsAndSaysWhatItCouldNotCheck) {
  const std::string policy = (folder_ / "idt.yaml").string();
  std::ofstream(policy) << "apiVersion: ringside/v1\n"
                           "kind: Policy\n"
                           "metadata: {name: page-fault, version: 1.0.0, title: Page fault gate}\n"
                           "spec:\n"
                           "  checks:\n"
                           "    - id: handler\n"
                           "      title: The page fault gate enters elsewhere\n"
                           "      table: idt\n"
                           "      where: vector = 14\n"
                           "      expect: handler = 0x2000\n"
                           "      message: \"vector {{vector}} enters at {{handler}}\"\n";
  EXPECT_EQ(ringside({"scan", good_, "--policy", policy}).exit, 0);
  const Ran ran = ringside({"scan", hooked_, "--policy", policy});
  EXPECT_EQ(ran.exit, 3) << ran.err;
  EXPECT_NE(ran.out.find("enters elsewhere (page-fault/handler)"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("0x000000000000dead"), std::string::npos) << ran.out;
  const Json built_in = Json::parse(ringside({"scan", good_, "--json"}).out);
  EXPECT_GT(built_in["summary"]["unknown"], 0) << "some built-in checks need a baseline";
}

}  // namespace
}  // namespace ringside::agent
