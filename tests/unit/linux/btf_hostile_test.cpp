// SPDX-License-Identifier: Apache-2.0
// BTF that no compiler wrote.
#include "guest/linux/btf.h"
#include "tests/unit/support/btf_writer.h"

#include <gtest/gtest.h>

#include <cstring>

namespace ringside::guest::linux {
namespace {

using testing::BtfWriter;
using Kind = Btf::Kind;

std::shared_ptr<const Btf> parsed(const BtfWriter& writer) {
  auto btf = Btf::parse(writer.finish(), 8);
  EXPECT_TRUE(btf.has_value());
  return btf.value_or(nullptr);
}

TEST(BtfHostile, RefusesABadHeader) {
  BtfWriter w;
  w.integer("int", 4);
  const Bytes good = w.finish();
  const auto with = [&](std::size_t at, std::uint32_t value) {
    Bytes bad = good;
    std::memcpy(bad.data() + at, &value, sizeof value);
    return Btf::parse(bad, 8).error().code;
  };
  EXPECT_TRUE(Btf::parse(good, 8).has_value());
  EXPECT_EQ(with(0, 0x00019feb), Errc::malformed);
  EXPECT_EQ(with(0, 0x0002eb9f), Errc::unsupported);
  EXPECT_EQ(with(4, 23), Errc::malformed);
  EXPECT_EQ(with(4, 0xffffffff), Errc::malformed);
  EXPECT_EQ(with(8, 0xfffffffc), Errc::malformed);
  EXPECT_EQ(with(8, 2), Errc::malformed);
  EXPECT_EQ(with(12, 0xffffffff), Errc::malformed);
  EXPECT_EQ(with(16, 0xffffffff), Errc::malformed);
  EXPECT_EQ(with(20, 0xffffffff), Errc::malformed);
  EXPECT_EQ(Btf::parse({}, 8).error().code, Errc::malformed);
  EXPECT_EQ(Btf::parse(good, 2).error().code, Errc::invalid_argument);
  EXPECT_EQ(Btf::parse(Bytes(Btf::kMaxBytes + 1), 8).error().code, Errc::oversized);
}

TEST(BtfHostile, TypesThatLeadBackToThemselvesHaveNoSizeAndNoMembers) {
  BtfWriter w;
  const auto loop = w.typedef_("loop", w.next());
  const auto array = w.array(w.next(), 2);
  const auto pointer = w.pointer(w.next());
  w.struct_("s", 8, {{"x", loop, 0}});
  const auto btf = parsed(w);
  EXPECT_EQ(btf->size_of(loop).error().code, Errc::malformed);
  EXPECT_FALSE(btf->size_of(array).has_value());
  EXPECT_FALSE(btf->has("loop", "x"));
  EXPECT_FALSE(btf->has("s", "x"));
  EXPECT_TRUE(btf->members(*btf->find(Kind::struct_, "s")).empty());
  EXPECT_EQ(btf->spelled(pointer), "...");
  EXPECT_EQ(btf->spelled(loop), "loop");
}

TEST(BtfHostile, StructsThatContainEachOtherEnd) {
  BtfWriter w;
  const auto self = w.next();
  std::vector<BtfWriter::Member> twice(8, {"", self, 0});
  w.struct_("self", 8, twice);
  w.struct_("named", 8, {{"a", w.next(), 0}, {"b", w.next(), 0}});
  const auto btf = parsed(w);
  EXPECT_FALSE(btf->field("self", "x").has_value());
  EXPECT_TRUE(btf->members(self).empty());
  EXPECT_LE(btf->members(self + 1, 1000).size(), std::size_t{1} << 18);
  std::string path = "a";
  for (int i = 0; i < 100; ++i) path += ".a";
  EXPECT_EQ(btf->field("named", path).error().code, Errc::out_of_bounds);
}

TEST(BtfHostile, ArraysAndOffsetsDoNotOverflow) {
  BtfWriter w;
  const auto u64 = w.integer("u64", 8);
  const auto wide = w.array(w.array(u64, 0x80000000), 0x80000000);
  const auto zero = w.array(wide, 0);
  const auto deep = w.struct_("deep", 0xffffffff, {{"far", u64, 0xfffffff8}});
  const auto many = w.array(deep, 0xffffffff);
  w.struct_("s", 0xffffffff, {{"deep", deep, 0xfffffff8}, {"many", many, 0}, {"zero", zero, 0}});
  const auto btf = parsed(w);
  EXPECT_EQ(btf->size_of(wide).error().code, Errc::out_of_bounds);
  EXPECT_EQ(btf->size_of(many).error().code, Errc::out_of_bounds);
  EXPECT_EQ(*btf->size_of(zero), 0u);
  EXPECT_FALSE(btf->has("s", "deep"));
  EXPECT_FALSE(btf->has("s", "many"));
  EXPECT_TRUE(btf->has("s", "zero"));
  EXPECT_FALSE(btf->has("s", "zero[1]"));
}

TEST(BtfHostile, AMemberOutsideOfItsStructIsNone) {
  BtfWriter w;
  const auto u64 = w.integer("u64", 8);
  const auto id = w.struct_("s", 8, {{"in", u64, 0}, {"out", u64, 8}, {"odd", u64, 3}});
  const auto bits = w.struct_("bits", 1, {{"in", u64, 0, 8}, {"out", u64, 4, 5}, {"huge", u64, 0, 65}}, true);
  const auto btf = parsed(w);
  EXPECT_EQ(btf->members(id).size(), 1u);
  EXPECT_EQ(btf->members(bits).size(), 1u);
  EXPECT_EQ(btf->field("s", "out").error().code, Errc::malformed);
  EXPECT_EQ(btf->field("bits", "huge").error().code, Errc::malformed);
}

TEST(BtfHostile, IdsAndStringsBeyondTheEndAreNothing) {
  BtfWriter w;
  w.struct_("s", 8, {{"x", 0x7fffffff, 0}, {"y", 0, 0}});
  w.pointer(0xffffffff);
  auto raw = w.finish();
  raw.insert(raw.end(), {});
  const auto btf = parsed(w);
  EXPECT_TRUE(btf->members(1).empty());
  EXPECT_EQ(btf->spelled(2), "? *");
  EXPECT_EQ(btf->kind(0xffffffff), Kind::unknown);
  EXPECT_EQ(btf->name(0xffffffff), "");
  EXPECT_FALSE(btf->size_of(0xffffffff).has_value());
  EXPECT_FALSE(btf->size_of(Btf::Id{0}).has_value());
  EXPECT_TRUE(btf->enumerators(0xffffffff).empty());
}

TEST(BtfHostile, ATypeThatIsCutOffEndsIt) {
  BtfWriter w;
  w.integer("int", 4);
  w.raw(4, 1000, {});  // a struct of 1000 members that are not there
  w.integer("lost", 4);
  const auto btf = parsed(w);
  EXPECT_EQ(btf->end_id(), 2u);
  ASSERT_EQ(btf->problems().size(), 1u);
  EXPECT_NE(btf->problems()[0].message.find("is cut off"), std::string::npos);
}

TEST(BtfHostile, AnEndlessNameIsCut) {
  BtfWriter w;
  const std::string name(100'000, 'x');
  const auto id = w.struct_(name, 0, {});
  const auto btf = parsed(w);
  EXPECT_EQ(btf->name(id).size(), 512u);
  EXPECT_LT(btf->spelled(id).size(), 600u);
}

TEST(BtfHostile, SpellingsDoNotGrowWithoutEnd) {
  BtfWriter w;
  const std::string name(500, 'y');
  const auto type = w.struct_(name, 0, {});
  auto proto = w.function_proto(type, std::vector<BtfWriter::Id>(200, type));
  for (int i = 0; i < 10; ++i)
    proto = w.function_proto(proto, std::vector<BtfWriter::Id>(200, w.pointer(proto)));
  const auto btf = parsed(w);
  EXPECT_LT(btf->spelled(proto).size(), 20'000u);
}

}  // namespace
}  // namespace ringside::guest::linux
