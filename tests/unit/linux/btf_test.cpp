// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/btf.h"

#include "tests/unit/support/btf_writer.h"

#include <gtest/gtest.h>

namespace ringside::guest::linux {
namespace {

using testing::BtfWriter;
using Kind = Btf::Kind;

std::shared_ptr<const Btf> parsed(const BtfWriter& writer, std::shared_ptr<const Btf> base = nullptr) {
  auto btf = Btf::parse(writer.finish(), 8, std::move(base));
  EXPECT_TRUE(btf.has_value()) << btf.error().message;
  return btf.value_or(nullptr);
}

Field plain(std::uint32_t offset, std::uint32_t size) {
  Field field;
  field.offset = offset;
  field.size = size;
  return field;
}

TEST(Btf, GivesMembersAndSizesByName) {
  BtfWriter w;
  const auto u32 = w.integer("unsigned int", 4), s64 = w.integer("long", 8, true);
  const auto list = w.struct_("list_head", 16, {{"next", w.next() + 1, 0}, {"prev", w.next() + 1, 64}});
  w.pointer(list);
  w.struct_("task", 40, {{"flags", u32, 0}, {"time", s64, 64}, {"tasks", list, 128}});
  const auto btf = parsed(w);
  EXPECT_EQ(*btf->field("task", "flags"), plain(0, 4));
  EXPECT_TRUE(btf->field("task", "time")->is_signed);
  EXPECT_EQ(btf->field("task", "tasks")->size, 16u);
  const auto prev = btf->field("task", "tasks.prev");
  ASSERT_TRUE(prev.has_value());
  EXPECT_EQ(prev->offset, 24u);
  EXPECT_EQ(prev->size, 8u);
  EXPECT_TRUE(prev->is_pointer);
  EXPECT_EQ(*btf->size_of("task"), 40u);
  EXPECT_EQ(*btf->size_of("long"), 8u);
  EXPECT_TRUE(btf->problems().empty());
}

TEST(Btf, APointerIsAsWideAsTheKernelsPointers) {
  BtfWriter w;
  w.struct_("s", 8, {{"p", w.next() + 1, 32}});
  w.pointer(0);
  const auto btf = Btf::parse(w.finish(), 4);
  ASSERT_TRUE(btf.has_value());
  EXPECT_EQ((*btf)->field("s", "p")->size, 4u);
  EXPECT_EQ((*btf)->field("s", "p")->offset, 4u);
}

TEST(Btf, SaysWhatIsMissing) {
  BtfWriter w;
  const auto u32 = w.integer("int", 4, true);
  w.struct_("task", 4, {{"pid", u32, 0}});
  w.plain("ghost", Kind::forward, 0);
  const auto btf = parsed(w);
  const auto member = btf->field("task", "state");
  EXPECT_EQ(member.error().code, Errc::not_found);
  EXPECT_EQ(member.error().message, "struct task has no member `state`");
  EXPECT_EQ(btf->field("task", "pid.x").error().code, Errc::not_found);
  EXPECT_EQ(btf->field("nothing", "x").error().message, "the kernel's BTF has no type `nothing`");
  EXPECT_EQ(btf->field("ghost", "x").error().message,
            "the kernel's BTF has no type `ghost`, only a declaration of it");
  EXPECT_EQ(btf->field("int", "x").error().code, Errc::not_found);
  EXPECT_EQ(btf->size_of("ghost").error().code, Errc::not_found);
  for (const char* path : {"", ".", "pid.", ".pid", "pid[", "pid[x]", "pid[0]", "pid]", "pid[0"})
    EXPECT_FALSE(btf->field("task", path).has_value()) << path;
}

TEST(Btf, MembersOfAnonymousStructsAreThoseOfTheStructAroundThem) {
  BtfWriter w;
  const auto u32 = w.integer("int", 4, true);
  const auto inner = w.struct_("", 8, {{"a", u32, 0}, {"b", u32, 32}});
  const auto either = w.union_("", 8, {{"", inner, 0}, {"raw", u32, 0}});
  w.struct_("outer", 16, {{"head", u32, 0}, {"", either, 64}});
  const auto btf = parsed(w);
  EXPECT_EQ(btf->field("outer", "b")->offset, 12u);
  EXPECT_EQ(btf->field("outer", "raw")->offset, 8u);
  const auto members = btf->members(*btf->find(Kind::struct_, "outer"));
  ASSERT_EQ(members.size(), 4u);
  EXPECT_EQ(members[1].path, "a");
  EXPECT_EQ(members[2].path, "b");
  EXPECT_EQ(members[2].field.offset, 12u);
}

TEST(Btf, MembersOfNestedStructsAreListedWhenAskedFor) {
  BtfWriter w;
  const auto u32 = w.integer("int", 4, true);
  const auto inner = w.struct_("inner", 8, {{"a", u32, 0}, {"b", u32, 32}});
  const auto middle = w.struct_("middle", 8, {{"in", inner, 0}});
  const auto outer = w.struct_("outer", 16, {{"head", u32, 0}, {"mid", middle, 64}});
  const auto btf = parsed(w);
  EXPECT_EQ(btf->members(outer).size(), 2u);
  EXPECT_EQ(btf->members(outer, 2).size(), 3u);
  const auto all = btf->members(outer, 3);
  ASSERT_EQ(all.size(), 5u);
  EXPECT_EQ(all[4].path, "mid.in.b");
  EXPECT_EQ(all[4].field.offset, 12u);
  EXPECT_TRUE(btf->members(u32).empty());
}

TEST(Btf, ReadsBitFieldsOfBothEncodings) {
  BtfWriter w;
  const auto u32 = w.integer("unsigned int", 4), s8 = w.integer("signed char", 1, true);
  w.struct_("flagged", 8, {{"a", u32, 0, 3}, {"b", u32, 3, 10}, {"c", s8, 31, 2}, {"d", u32, 32}}, true);
  const auto odd = w.odd_integer("unsigned int", 4, 3, 5);
  const auto named = w.typedef_("three_t", odd);
  w.struct_("odd", 4, {{"x", named, 8}});
  const auto btf = parsed(w);
  Field b;
  b.offset = 0;
  b.bit_offset = 3;
  b.bit_size = 10;
  b.size = 2;
  EXPECT_EQ(*btf->field("flagged", "b"), b);
  const auto c = btf->field("flagged", "c");
  EXPECT_EQ(c->offset, 3u);
  EXPECT_EQ(c->bit_offset, 7u);
  EXPECT_EQ(c->size, 2u);
  EXPECT_TRUE(c->is_signed);
  EXPECT_EQ(*btf->field("flagged", "d"), plain(4, 4));
  const auto x = btf->field("odd", "x");
  EXPECT_EQ(x->offset, 1u);
  EXPECT_EQ(x->bit_offset, 5u);
  EXPECT_EQ(x->bit_size, 3u);
  EXPECT_EQ(x->size, 1u);
}

TEST(Btf, KnowsArraysAndTheirElements) {
  BtfWriter w;
  const auto u16 = w.integer("u16", 2);
  const auto pair = w.struct_("pair", 4, {{"first", u16, 0}, {"second", u16, 16}});
  const auto row = w.array(u16, 3);
  const auto grid = w.array(w.typedef_("row_t", row), 4);
  const auto pairs = w.array(pair, 5), endless = w.array(pair, 0);
  w.struct_("s", 44, {{"grid", grid, 0}, {"pairs", pairs, 24 * 8}, {"tail", endless, 44 * 8}});
  const auto btf = parsed(w);
  const auto whole = btf->field("s", "grid");
  EXPECT_EQ(whole->size, 24u);
  EXPECT_EQ(whole->count, 12u);
  EXPECT_EQ(whole->element_size, 2u);
  const auto line = btf->field("s", "grid[2]");
  EXPECT_EQ(line->offset, 12u);
  EXPECT_EQ(line->count, 3u);
  EXPECT_EQ(*btf->field("s", "grid[2][1]"), plain(14, 2));
  EXPECT_EQ(*btf->field("s", "pairs[3].second"), plain(24 + 14, 2));
  EXPECT_EQ(*btf->field("s", "tail[2].second"), plain(44 + 10, 2));
  EXPECT_EQ(btf->field("s", "tail")->size, 0u);
  EXPECT_EQ(btf->field("s", "grid[4]").error().code, Errc::out_of_bounds);
  EXPECT_EQ(btf->field("s", "grid[0][0][0]").error().code, Errc::not_found);
  EXPECT_EQ(btf->field("s", "tail[99999999999]").error().code, Errc::out_of_bounds);
  EXPECT_EQ(btf->field("s", "pairs.second").error().code, Errc::not_found);
}

TEST(Btf, LooksThroughTypedefsAndQualifiers) {
  BtfWriter w;
  const auto u64 = w.integer("unsigned long", 8);
  const auto counter = w.struct_("", 8, {{"counter", u64, 0}});
  const auto atomic = w.typedef_("atomic64_t", counter);
  const auto tagged = w.plain("user", Kind::type_tag, atomic);
  const auto constant = w.plain("", Kind::const_, w.plain("", Kind::volatile_, tagged));
  w.struct_("s", 16, {{"refs", constant, 64}});
  const auto btf = parsed(w);
  EXPECT_EQ(*btf->field("s", "refs.counter"), plain(8, 8));
  EXPECT_EQ(*btf->field("atomic64_t", "counter"), plain(0, 8));
  EXPECT_EQ(*btf->size_of("atomic64_t"), 8u);
}

TEST(Btf, TheFirstOfANameWinsAndACompleteOneOverADeclaration) {
  BtfWriter w;
  const auto u32 = w.integer("int", 4);
  w.plain("twice", Kind::forward, 0);
  const auto first = w.struct_("twice", 4, {{"a", u32, 0}});
  w.struct_("twice", 8, {{"b", u32, 32}});
  const auto btf = parsed(w);
  EXPECT_EQ(*btf->find(Kind::struct_, "twice"), first);
  EXPECT_EQ(*btf->size_of("twice"), 4u);
  EXPECT_TRUE(btf->has("twice", "a"));
  EXPECT_FALSE(btf->has("twice", "b"));
  EXPECT_FALSE(btf->find(Kind::union_, "twice").has_value());
}

TEST(Btf, KnowsEnumeratorsAndTheirSign) {
  BtfWriter w;
  w.enum_("unsigned_flags", {{"ALL", 0xffffffff}}, false);
  w.enum_("results", {{"OK", 0}, {"BAD", -1}}, true);
  const auto wide = w.enum64("wide", {{"BIG", std::int64_t{1} << 40}, {"LOW", -2}}, true);
  w.typedef_("wide_t", wide);
  const auto btf = parsed(w);
  EXPECT_EQ(*btf->enumerator("", "ALL"), 0xffffffff);
  EXPECT_EQ(*btf->enumerator("results", "BAD"), -1);
  EXPECT_EQ(*btf->enumerator("wide_t", "BIG"), std::int64_t{1} << 40);
  EXPECT_EQ(btf->enumerators(wide)[1].value, -2);
  EXPECT_EQ(btf->enumerator("results", "ALL").error().message, "enum results has no enumerator `ALL`");
  EXPECT_EQ(btf->enumerator("", "NONE").error().code, Errc::not_found);
  EXPECT_EQ(btf->enumerator("none", "OK").error().code, Errc::not_found);
}

TEST(Btf, TakesAnEnumThatDoesNotTellItsSignForSignedIfItHasASmallNegativeNumber) {
  BtfWriter w;
  const auto results = w.enum_("results", {{"OK", 0}, {"BAD", -1}});
  const auto flags = w.enum_("flags", {{"TOP", 0x80000000}});
  w.struct_("s", 8, {{"result", results, 0}, {"flags", flags, 32}});
  const auto btf = parsed(w);
  EXPECT_EQ(*btf->enumerator("results", "BAD"), -1);
  EXPECT_EQ(*btf->enumerator("flags", "TOP"), 0x80000000);
  EXPECT_TRUE(btf->field("s", "result")->is_signed);
  EXPECT_FALSE(btf->field("s", "flags")->is_signed);
}

TEST(Btf, SpellsTypesAsCDoes) {
  BtfWriter w;
  const auto chr = w.integer("char", 1), num = w.integer("int", 4, true);
  const auto task = w.struct_("task_struct", 8, {});
  const auto task_pointer = w.pointer(task);
  const auto handler = w.pointer(w.function_proto(num, {num, task_pointer, 0}));
  const auto fixed = w.plain("", Kind::const_, chr);
  const auto text = w.pointer(fixed);
  EXPECT_EQ(w.next(), 9u);
  const auto locked = w.plain("", Kind::const_, text);
  const auto names = w.array(text, 4), grid = w.array(w.array(num, 3), 2), tail = w.array(task, 0);
  const auto anonymous = w.union_("", 4, {});
  const auto flags = w.enum_("flags", {});
  const auto to_row = w.pointer(w.array(num, 3));
  const auto nothing = w.pointer(w.function_proto(0, {}));
  const auto handlers = w.array(handler, 8);
  const auto ghost = w.plain("ghost", Kind::forward, 0, true);
  const auto alias = w.typedef_("pid_t", num);
  const auto main_function = w.plain("main", Kind::function, handler - 1);
  const auto user = w.pointer(w.plain("user", Kind::type_tag, chr));
  const auto btf = parsed(w);
  EXPECT_EQ(btf->spelled(0), "void");
  EXPECT_EQ(btf->spelled(chr), "char");
  EXPECT_EQ(btf->spelled(task_pointer), "struct task_struct *");
  EXPECT_EQ(btf->spelled(handler), "int (*)(int, struct task_struct *, ...)");
  EXPECT_EQ(btf->spelled(text), "const char *");
  EXPECT_EQ(btf->spelled(locked), "const char *const");
  EXPECT_EQ(btf->spelled(names), "const char *[4]");
  EXPECT_EQ(btf->spelled(grid), "int[2][3]");
  EXPECT_EQ(btf->spelled(tail), "struct task_struct[]");
  EXPECT_EQ(btf->spelled(anonymous), "union {...}");
  EXPECT_EQ(btf->spelled(flags), "enum flags");
  EXPECT_EQ(btf->spelled(to_row), "int (*)[3]");
  EXPECT_EQ(btf->spelled(nothing), "void (*)(void)");
  EXPECT_EQ(btf->spelled(handlers), "int (*[8])(int, struct task_struct *, ...)");
  EXPECT_EQ(btf->spelled(ghost), "union ghost");
  EXPECT_EQ(btf->spelled(alias), "pid_t");
  EXPECT_EQ(btf->spelled(main_function), "int (int, struct task_struct *, ...)");
  EXPECT_EQ(btf->spelled(user), "char *");
  EXPECT_EQ(btf->spelled(12345), "?");
}

TEST(Btf, AModulesTypesGoOnWhereTheKernelsEnd) {
  BtfWriter w;
  const auto u32 = w.integer("int", 4);
  const auto shared = w.struct_("shared", 4, {{"a", u32, 0}});
  const auto base = parsed(w);
  BtfWriter m(base->end_id(), w.strings_size());
  const auto own = m.struct_("own", 8, {{"inner", shared, 0}, {"b", u32, 32}});
  m.enum_("own_enum", {{"OWN", 7}});
  const auto module = parsed(m, base);
  EXPECT_EQ(module->first_id(), 3u);
  EXPECT_EQ(own, 3u);
  EXPECT_EQ(module->end_id(), 5u);
  EXPECT_EQ(module->name(shared), "shared");
  EXPECT_EQ(module->field("own", "inner.a")->size, 4u);
  EXPECT_EQ(module->field("own", "b")->offset, 4u);
  EXPECT_EQ(*module->size_of("shared"), 4u);
  EXPECT_EQ(*module->enumerator("", "OWN"), 7);
  EXPECT_FALSE(base->has("own", "b"));
  EXPECT_FALSE(Btf::parse(m.finish(), 8, module).has_value());
}

TEST(Btf, AnUnknownKindEndsItWithWhatStandsBefore) {
  BtfWriter w;
  const auto u32 = w.integer("int", 4);
  w.struct_("kept", 4, {{"a", u32, 0}});
  w.raw(33, 2, {1, 2, 3, 4, 5});
  w.struct_("lost", 4, {{"a", u32, 0}});
  const auto btf = parsed(w);
  EXPECT_TRUE(btf->has("kept", "a"));
  EXPECT_FALSE(btf->has("lost", "a"));
  ASSERT_EQ(btf->problems().size(), 1u);
  EXPECT_NE(btf->problems()[0].message.find("unknown kind 33"), std::string::npos);
}

TEST(Btf, AnUnknownKindIsSkippedWhereTheLayoutSectionTellsItsSize) {
  BtfWriter w;
  const auto u32 = w.integer("int", 4);
  w.raw(21, 2, {1, 2, 3, 4, 5});
  w.struct_("behind", 4, {{"a", u32, 0}});
  std::vector<std::pair<std::uint8_t, std::uint8_t>> layouts(22);
  layouts[21] = {4, 8};
  const auto btf = Btf::parse(w.finish(layouts), 8);
  ASSERT_TRUE(btf.has_value());
  EXPECT_TRUE((*btf)->problems().empty());
  EXPECT_TRUE((*btf)->has("behind", "a"));
  EXPECT_EQ((*btf)->kind(2), Kind::unknown);
}

}  // namespace
}  // namespace ringside::guest::linux
