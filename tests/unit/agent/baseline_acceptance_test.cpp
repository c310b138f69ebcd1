// SPDX-License-Identifier: Apache-2.0
#include "agent/baseline_acceptance.h"

// Before any system header can: see there.
#include "guest/linux/kernel.h"
#include "guest/linux/linux_macro.h"
#include "guest/linux/text/kept_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ringside::agent {
namespace {

using guest::Gva;
using guest::linux::KeptRegion;
using guest::linux::KeptText;
using policies::Baseline;
using policies::Check;
using policies::Value;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<Value> gate(std::int64_t vcpu, std::int64_t vector, std::int64_t handler) {
  return {Value(vcpu), Value(vector), Value(handler)};
}

Baseline with_gates(std::vector<std::vector<Value>> rows) {
  Baseline baseline;
  baseline.guest = "one";
  baseline.tables["idt"] = {{"vcpu", "vector", "handler"}, std::move(rows), {}};
  baseline.tables["vcpus"] = {{"vcpu", "started"}, {{Value(std::int64_t{0}), Value(std::int64_t{0})}}, {}};
  return baseline;
}

Check gates_unchanged() {
  Check check;
  check.id = "gates-unchanged";
  check.table = "idt";
  check.unchanged = policies::Unchanged{"idt", {"vcpu", "vector"}, {"handler"}, ""};
  check.baseline_tables = {"idt", "vcpus"};
  return check;
}

Baseline with_code(Bytes bytes) {
  Baseline baseline;
  baseline.guest = "one";
  baseline.text = std::make_shared<const KeptText>(
      KeptText{{KeptRegion{"", "aa", Gva{0xffffffff81000000}, std::move(bytes)}}, {}});
  return baseline;
}

TEST(BaselineAcceptance, TakesTheRowOfTheFindingAndNoOther) {
  const auto accepted = accept_into(with_gates({gate(0, 14, 100), gate(0, 31, 200)}),
                                    with_gates({gate(0, 14, 666), gate(0, 31, 300)}), gates_unchanged(),
                                    {{"vcpu", 0}, {"vector", 31}, {"change", "changed"}});
  ASSERT_TRUE(accepted.has_value()) << accepted.error().message;
  EXPECT_THAT(accepted->tables.at("idt").rows, ElementsAre(gate(0, 14, 100), gate(0, 31, 300)));
}

TEST(BaselineAcceptance, LeavesWhatTheCheckOnlyLooksUp) {
  auto now = with_gates({gate(0, 31, 300)});
  now.tables["vcpus"].rows[0][1] = Value(std::int64_t{1});
  const auto accepted =
      accept_into(with_gates({gate(0, 31, 200)}), now, gates_unchanged(), {{"vcpu", 0}, {"vector", 31}});
  ASSERT_TRUE(accepted.has_value());
  EXPECT_EQ(accepted->tables.at("vcpus").rows[0][1], Value(std::int64_t{0}));
}

TEST(BaselineAcceptance, TakesRowsThatAreNewOrGone) {
  const auto added = accept_into(with_gates({}), with_gates({gate(0, 31, 300)}), gates_unchanged(),
                                 {{"vcpu", 0}, {"vector", 31}});
  ASSERT_TRUE(added.has_value());
  EXPECT_THAT(added->tables.at("idt").rows, ElementsAre(gate(0, 31, 300)));
  const auto gone = accept_into(*added, with_gates({}), gates_unchanged(), {{"vcpu", 0}, {"vector", 31}});
  ASSERT_TRUE(gone.has_value());
  EXPECT_TRUE(gone->tables.at("idt").rows.empty());
}

TEST(BaselineAcceptance, TakesTheCodeOfTheFindingAndNoOther) {
  const Bytes before(16, std::byte{0x90}), now(16, std::byte{0xcc});
  const Json row = {{"gva", "0xffffffff81000004"}, {"size", 2}, {"source", "first-seen"}};
  const auto accepted = accept_into(with_code(before), with_code(now), Check{}, row);
  ASSERT_TRUE(accepted.has_value()) << accepted.error().message;
  Bytes expected = before;
  expected[4] = expected[5] = std::byte{0xcc};
  EXPECT_EQ(accepted->text->regions[0].bytes, expected);
}

TEST(BaselineAcceptance, SaysWhyItTakesNothing) {
  const auto message = [](const Check& check, const Json& row) {
    const auto accepted = accept_into(with_code(Bytes(16)), with_code(Bytes(16)), check, row);
    return accepted ? std::string("accepted") : accepted.error().message;
  };
  EXPECT_THAT(message(Check{}, {{"gva", "0x10"}}), HasSubstr("write an exception"));
  EXPECT_THAT(message(Check{}, {{"gva", "0x10"}, {"size", 2}, {"source", "golden"}}),
              HasSubstr("write an exception"));
  // Outside, of no size that is a number, and round the end of the address space.
  for (const char* gva :
       {"0xffffffff8100000f", "0xffffffff81000010", "0x10", "nonsense", "0xfffffffffffffffff"})
    EXPECT_THAT(message(Check{}, {{"gva", gva}, {"size", 2}, {"source", "first-seen"}}),
                HasSubstr("holds nothing"))
        << gva;
  EXPECT_THAT(message(gates_unchanged(), {{"vcpu", 0}}), HasSubstr("holds nothing"));
  auto other = with_code(Bytes(16));
  other.guest = "two";
  EXPECT_FALSE(accept_into(with_code(Bytes(16)), other, gates_unchanged(), {{"vcpu", 0}}).has_value());
}

}  // namespace
}  // namespace ringside::agent
