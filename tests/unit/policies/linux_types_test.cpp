// SPDX-License-Identifier: Apache-2.0
// The tables types and type_members over a made-up kernel.
#include "guest/linux/recovered_types.h"
#include "policies/tables/linux/type_sources.h"
#include "tests/unit/support/fake_kernel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ringside::policies {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Kind = guest::linux::Btf::Kind;

struct Rows : RowSink {
  std::vector<std::vector<Value>> rows;
  std::vector<Error> problems;
  bool row(std::vector<Value> cells) override { return rows.push_back(std::move(cells)), true; }
  void incomplete(Error why) override { problems.push_back(std::move(why)); }

  /// A column of all rows, as text.
  std::vector<std::string> column(std::size_t index) const {
    std::vector<std::string> all;
    for (const auto& row : rows) {
      const auto* text = std::get_if<std::string>(&row.at(index));
      const auto* number = std::get_if<std::int64_t>(&row.at(index));
      all.push_back(text != nullptr ? *text : number != nullptr ? std::to_string(*number) : "NULL");
    }
    return all;
  }
};

class LinuxTypes : public ::testing::Test {
 protected:
  void SetUp() override {
    auto& w = kernel.btf_writer();
    const auto u32 = w.integer("unsigned int", 4);
    const auto inner = w.struct_("inner", 8, {{"a", u32, 0}, {"b", u32, 32}});
    const auto either = w.union_("", 8, {{"raw", u32, 0}, {"pair", inner, 0}});
    const auto array = w.array(inner, 2);
    w.struct_("outer", 36, {{"flag", u32, 0, 1}, {"", either, 64}, {"list", array, 128}}, true);
    w.typedef_("outer_t", w.next() - 1);
    const auto anonymous = w.struct_("", 4, {{"counter", u32, 0}});
    w.typedef_("atomic_t", anonymous);
    w.enum_("state", {{"LIVE", 0}, {"DEAD", -1}}, true);
    const auto proto = w.function_proto(u32, {w.pointer(inner)});
    w.plain("do_it", Kind::function, proto);
  }
  Rows ask(Result<void> (*fill)(guest::linux::Kernel&, const TableRequest&, RowSink&), Constraints equal) {
    Rows rows;
    TableRequest request;
    request.equal = std::move(equal);
    EXPECT_TRUE(fill(kernel, request, rows).has_value());
    return rows;
  }
  /// A module that brings a type along, in the kernel's list.
  void load_module() {
    auto& w = kernel.btf_writer();
    const auto u32 = w.integer("u32", 4), any = w.pointer(0), name = w.array(w.integer("char", 1), 56);
    const auto list = w.array(any, 2);
    w.struct_("btf_module", 40, {{"list", list, 0}, {"btf", any, 24 * 8}});
    w.struct_("btf", 100,
              {{"data", any, 0},
               {"data_size", u32, 64},
               {"start_id", u32, 96},
               {"start_str_off", u32, 128},
               {"name", name, 160}});
    testing::BtfWriter own(w.next(), w.strings_size());
    own.struct_("own", 8, {{"mine", 1, 0}, {"theirs", 1, 32}});
    const Bytes raw = own.finish();
    const auto head = kernel.define_variable("btf_modules", 16), entry = kernel.allocate(40),
               btf = kernel.allocate(100), data = kernel.allocate(raw.size());
    const std::array<guest::Gva, 1> nodes = {entry};
    kernel.put_list(head, nodes);
    kernel.put_pointer(entry + 24, btf.value);
    kernel.memory().write(guest::Gpa{data.value}, raw);
    kernel.put_pointer(btf, data.value);
    kernel.put(btf + 8, static_cast<std::uint32_t>(raw.size()));
    kernel.put(btf + 12, first_id_of_module ? first_id_of_module : w.next());
    kernel.put(btf + 16, w.strings_size());
    kernel.put_string(btf + 20, "veth");
  }
  testing::FakeKernel kernel;
  std::uint32_t first_id_of_module = 0;
};

TEST_F(LinuxTypes, ListsNamedTypesWithTheirSize) {
  const auto rows = ask(fill_types, {});
  EXPECT_THAT(rows.column(0),
              ElementsAre("unsigned int", "inner", "outer", "outer_t", "atomic_t", "state", "do_it"));
  EXPECT_THAT(rows.column(1),
              ElementsAre("integer", "struct", "struct", "typedef", "typedef", "enum", "function"));
  EXPECT_THAT(rows.column(2), ElementsAre("4", "8", "36", "36", "4", "4", "NULL"));
  EXPECT_EQ(rows.column(3)[3], "struct outer");
  EXPECT_EQ(rows.column(3)[6], "unsigned int (struct inner *)");
  EXPECT_THAT(rows.problems, IsEmpty());
}

TEST_F(LinuxTypes, NarrowsByNameAndKind) {
  EXPECT_THAT(ask(fill_types, {{"name", "outer"}}).column(1), ElementsAre("struct"));
  EXPECT_THAT(ask(fill_types, {{"kind", "typedef"}}).column(0), ElementsAre("outer_t", "atomic_t"));
  EXPECT_THAT(ask(fill_types, {{"module", "none"}}).rows, IsEmpty());
}

TEST_F(LinuxTypes, ListsMembersOfATypeInOrder) {
  const auto rows = ask(fill_type_members, {{"type", "outer"}});
  EXPECT_THAT(rows.column(1), ElementsAre("flag", "raw", "pair", "list"));
  EXPECT_THAT(rows.column(2), ElementsAre("0", "8", "8", "16"));
  EXPECT_THAT(rows.column(3), ElementsAre("1", "4", "8", "16"));
  EXPECT_THAT(rows.column(5), ElementsAre("1", "NULL", "NULL", "NULL"));
  EXPECT_THAT(rows.column(6), ElementsAre("NULL", "NULL", "NULL", "2"));
  EXPECT_EQ(rows.column(7)[3], "struct inner[2]");
}

TEST_F(LinuxTypes, AMemberOfAGivenTypeMayBeAPath) {
  const auto rows = ask(fill_type_members, {{"type", "outer"}, {"member", "list[1].b"}});
  EXPECT_THAT(rows.column(1), ElementsAre("list[1].b"));
  EXPECT_THAT(rows.column(2), ElementsAre("28"));
  EXPECT_THAT(ask(fill_type_members, {{"type", "outer"}, {"member", "list[2].b"}}).rows, IsEmpty());
  EXPECT_THAT(ask(fill_type_members, {{"type", "outer_t"}, {"member", "pair.a"}}).rows, SizeIs(1));
}

TEST_F(LinuxTypes, TypedefsOfAnonymousStructsHaveTheirMembersAndEnumsTheirValues) {
  EXPECT_THAT(ask(fill_type_members, {{"type", "atomic_t"}}).column(1), ElementsAre("counter"));
  EXPECT_THAT(ask(fill_type_members, {{"type", "outer_t"}}).rows, IsEmpty());
  EXPECT_THAT(ask(fill_type_members, {{"type", "state"}}).column(8), ElementsAre("0", "-1"));
  EXPECT_THAT(ask(fill_type_members, {{"member", "b"}}).column(0), ElementsAre("inner"));
}

TEST_F(LinuxTypes, ModulesBringTypesAlong) {
  load_module();
  const auto rows = ask(fill_type_members, {{"module", "veth"}});
  EXPECT_THAT(rows.column(1), ElementsAre("mine", "theirs"));
  EXPECT_THAT(rows.column(7), ElementsAre("unsigned int", "unsigned int"));
  EXPECT_THAT(rows.column(9), ElementsAre("veth", "veth"));
  EXPECT_THAT(ask(fill_types, {{"name", "own"}}).column(4), ElementsAre("veth"));
  EXPECT_THAT(rows.problems, IsEmpty());
}

TEST_F(LinuxTypes, AModulesTypesOverAnotherBaseAreSaidToBeMissing) {
  first_id_of_module = 3;
  load_module();
  const auto rows = ask(fill_types, {{"module", "veth"}});
  EXPECT_THAT(rows.rows, IsEmpty());
  ASSERT_THAT(rows.problems, SizeIs(1));
  EXPECT_EQ(rows.problems[0].code, Errc::mismatch);
  EXPECT_THAT(rows.problems[0].message, HasSubstr("module veth"));
}

TEST_F(LinuxTypes, WithoutBtfGivesWhatCouldBeWorkedOut) {
  guest::linux::RecoveredTypes recovered;
  guest::linux::Field field;
  field.offset = 12;
  field.size = 4;
  recovered.add("task_struct", "pid", field);
  recovered.add_size("task_struct", 4096);
  kernel.set_recovered_types(&recovered);
  const auto types = ask(fill_types, {});
  EXPECT_THAT(types.column(0), ElementsAre("task_struct"));
  EXPECT_THAT(types.column(2), ElementsAre("4096"));
  EXPECT_THAT(types.problems, SizeIs(1));
  const auto members = ask(fill_type_members, {{"type", "task_struct"}});
  EXPECT_THAT(members.column(1), ElementsAre("pid"));
  EXPECT_THAT(members.column(2), ElementsAre("12"));
  EXPECT_THAT(members.problems, SizeIs(1));
}

}  // namespace
}  // namespace ringside::policies
