// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/object_reader.h"

#include "tests/unit/support/fake_kernel.h"

#include <gtest/gtest.h>

namespace ringside::guest::linux {
namespace {

using Presence = ObjectReader::Presence;

class ObjectReaderTest : public ::testing::Test {
 protected:
  ObjectReaderTest() {
    auto& btf = kernel_.btf_writer();
    const auto s32 = btf.integer("int", 4, true), u32 = btf.integer("unsigned int", 4),
               byte = btf.integer("char", 1, true), pointer = btf.pointer(0);
    const auto name = btf.array(byte, 8), huge = btf.array(byte, 4096);
    btf.struct_("thing", 8192,
                {{"count", s32, 0},
                 {"flags", u32, 32},
                 {"next", pointer, 64},
                 {"name", name, 128},
                 {"huge", huge, 1024}});
    btf.struct_("bits", 4, {{"low", u32, 0, 3}, {"high", s32, 3, 5}}, true);
    thing_ = kernel_.allocate(8192);
  }

  testing::FakeKernel kernel_;
  Gva thing_;
};

TEST_F(ObjectReaderTest, ReadsIntegersPointersAndText) {
  kernel_.put(thing_, std::int32_t{-2});
  kernel_.put(thing_ + 4, std::uint32_t{0xfffffffe});
  kernel_.put_pointer(thing_ + 8, 0x1234);
  kernel_.put_string(thing_ + 16, "abc");
  ObjectReader reader(kernel_, "thing");
  const auto count = reader.add("count"), flags = reader.add("flags"), next = reader.add("next"),
             name = reader.add("name");
  ASSERT_TRUE(reader.read(thing_));
  EXPECT_EQ(reader.integer(count), ~std::uint64_t{1});
  EXPECT_EQ(reader.integer(flags), 0xfffffffeu);
  EXPECT_EQ(reader.pointer(next), Gva{0x1234});
  EXPECT_EQ(reader.text(name), "abc");
  EXPECT_TRUE(reader.missing().empty());
}

TEST_F(ObjectReaderTest, ReadsTextWithoutItsNul) {
  kernel_.put_string(thing_ + 16, "12345678");
  ObjectReader reader(kernel_, "thing");
  const auto name = reader.add("name");
  ASSERT_TRUE(reader.read(thing_));
  EXPECT_EQ(reader.text(name), "12345678");
}

TEST_F(ObjectReaderTest, ReadsBitFields) {
  kernel_.put(thing_, std::uint32_t{0xfd});  // low 5, high -1
  ObjectReader reader(kernel_, "bits");
  const auto low = reader.add("low"), high = reader.add("high");
  ASSERT_TRUE(reader.read(thing_));
  EXPECT_EQ(reader.integer(low), 5u);
  EXPECT_EQ(reader.integer(high), ~std::uint64_t{0});
}

TEST_F(ObjectReaderTest, TakesTheFirstSpellingThatThereIs) {
  kernel_.put(thing_ + 4, std::uint32_t{7});
  ObjectReader reader(kernel_, "thing");
  const auto flags = reader.add({"__flags", "flags"});
  ASSERT_TRUE(reader.read(thing_));
  EXPECT_EQ(reader.u32(flags), 7u);
}

TEST_F(ObjectReaderTest, NamesAMemberThatIsMissingUnlessThatIsNormal) {
  ObjectReader reader(kernel_, "thing");
  const auto gone = reader.add("gone"), optional = reader.add("optional", Presence::optional);
  ASSERT_TRUE(reader.read(thing_));
  EXPECT_EQ(reader.integer(gone), std::nullopt);
  EXPECT_EQ(reader.integer(optional), std::nullopt);
  ASSERT_EQ(reader.missing().size(), 1u);
  EXPECT_NE(reader.missing()[0].message.find("gone"), std::string::npos);
}

TEST_F(ObjectReaderTest, WithoutTypesEvenAnOptionalMemberIsUnknownAndNotAbsent) {
  kernel_.set_recovered_types(nullptr);
  ObjectReader reader(kernel_, "thing");
  const auto member = reader.add("count", Presence::optional);
  EXPECT_FALSE(reader.has(member));
  EXPECT_EQ(reader.missing().size(), 1u);
}

TEST_F(ObjectReaderTest, RefusesAMemberOfAnySizeThatTheGuestClaims) {
  ObjectReader reader(kernel_, "thing");
  const auto huge = reader.add("huge");
  EXPECT_FALSE(reader.has(huge));
  ASSERT_EQ(reader.missing().size(), 1u);
  EXPECT_EQ(reader.missing()[0].code, Errc::out_of_bounds);
}

TEST_F(ObjectReaderTest, NotesOnlyWhatWasChosen) {
  ReadSet looked;
  kernel_.snapshot().record_into(&looked);
  ObjectReader reader(kernel_, "thing");
  reader.add("count");
  reader.add("next");
  ASSERT_TRUE(reader.read(thing_));
  kernel_.snapshot().record_into(nullptr);
  EXPECT_EQ(looked.bytes(), 12u);
}

TEST_F(ObjectReaderTest, AMemberThatWasNeverChosenReadsAsUnknown) {
  ObjectReader reader(kernel_, "thing");
  reader.add("count");
  ASSERT_TRUE(reader.read(thing_));
  EXPECT_EQ(reader.integer(ObjectReader::kNone), std::nullopt);
  EXPECT_EQ(reader.text(ObjectReader::kNone), std::nullopt);
}

}  // namespace
}  // namespace ringside::guest::linux
