// SPDX-License-Identifier: Apache-2.0
#include "gdbstub/target_description.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

namespace ringside::gdbstub {
namespace {

/// What QEMU 7.2 answers to qXfer:features:read.
Result<std::string> recorded(const std::string& name) {
  std::ifstream file(std::string(RINGSIDE_SOURCE_DIR "/tests/unit/gdbstub/data/") + name);
  if (!file) return fail(Errc::not_found, name);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

Result<std::string> no_files(const std::string& name) {
  return fail(Errc::not_found, name);
}

std::string target(const std::string& inside) {
  return "<target>" + inside + "</target>";
}

Errc error_of(const std::string& xml) {
  const auto layout = parse_target_description(xml, no_files);
  EXPECT_FALSE(layout);
  return layout ? Errc::invalid_argument : layout.error().code;
}

TEST(TargetDescription, OfQemuX8664) {
  const auto layout = parse_target_description(*recorded("target-x86_64.xml"), recorded);
  ASSERT_TRUE(layout) << layout.error().message;
  EXPECT_EQ(layout->registers().size(), 66U);
  EXPECT_EQ(layout->size(), 608U);  // the length of QEMU's reply to `g`
  // Numbers of QEMU target/i386/gdbstub.c, IDX_*.
  for (const auto& [name, number, offset, size] :
       std::vector<std::tuple<std::string, unsigned, std::size_t, std::size_t>>{{"rax", 0, 0, 8},
                                                                                {"rip", 16, 128, 8},
                                                                                {"eflags", 17, 136, 4},
                                                                                {"cs", 18, 140, 4},
                                                                                {"fs_base", 24, 164, 8},
                                                                                {"gs_base", 25, 172, 8},
                                                                                {"k_gs_base", 26, 180, 8},
                                                                                {"cr0", 27, 188, 8},
                                                                                {"cr3", 29, 204, 8},
                                                                                {"cr4", 30, 212, 8},
                                                                                {"efer", 32, 228, 8},
                                                                                {"st0", 33, 236, 10},
                                                                                {"xmm15", 64, 588, 16},
                                                                                {"mxcsr", 65, 604, 4}}) {
    const auto* reg = layout->find(name);
    ASSERT_NE(reg, nullptr) << name;
    EXPECT_EQ(reg->number, number) << name;
    EXPECT_EQ(reg->offset, offset) << name;
    EXPECT_EQ(reg->size, size) << name;
  }
  EXPECT_EQ(layout->find("cs_base"), nullptr) << "it stands in a comment";
  EXPECT_EQ(layout->find("es_base"), nullptr) << "it stands in a comment";
}

TEST(TargetDescription, OfQemuI386) {
  const auto layout = parse_target_description(*recorded("target-i386.xml"), recorded);
  ASSERT_TRUE(layout) << layout.error().message;
  EXPECT_EQ(layout->size(), 344U);  // the length of QEMU's reply to `g`
  EXPECT_EQ(layout->find("eax")->offset, 0U);
  EXPECT_EQ(layout->find("eip")->number, 8U);
  EXPECT_EQ(layout->find("cr3")->size, 4U);
  EXPECT_EQ(layout->find("rax"), nullptr);
}

TEST(TargetDescription, OffsetsFollowRegisterNumbersNotTheOrderInTheText) {
  const auto layout = parse_target_description(target(R"(<feature name="f">
      <reg name="b" bitsize="32" regnum="7"/><reg name="c" bitsize="16"/><reg name="a" bitsize="64" regnum="2"/>
      </feature>)"),
                                               no_files);
  ASSERT_TRUE(layout) << layout.error().message;
  EXPECT_EQ(layout->find("a")->offset, 0U);
  EXPECT_EQ(layout->find("b")->offset, 8U);
  EXPECT_EQ(layout->find("c")->number, 8U);
  EXPECT_EQ(layout->find("c")->offset, 12U);
  EXPECT_EQ(layout->size(), 14U);
}

TEST(TargetDescription, RefusesWhatIsNoXmlOrHasNoRegisters) {
  EXPECT_EQ(error_of(""), Errc::malformed);
  EXPECT_EQ(error_of("<target>"), Errc::malformed);
  EXPECT_EQ(error_of("<target/>"), Errc::malformed);
  EXPECT_EQ(error_of("<other><reg name=\"a\" bitsize=\"8\"/></other>"), Errc::malformed);
}

TEST(TargetDescription, RefusesRegistersWithHostileAttributes) {
  for (const char* bits : {"", "0", "7", "-8", "8x", "0x40", "8200", "4294967304", "99999999999999999999999"})
    EXPECT_EQ(error_of(target(fmt::format(R"(<reg name="a" bitsize="{}"/>)", bits))), Errc::malformed)
        << bits;
  for (const char* number : {"", "-1", "65536", "4294967296", "1e3"})
    EXPECT_EQ(error_of(target(fmt::format(R"(<reg name="a" bitsize="8" regnum="{}"/>)", number))),
              Errc::malformed)
        << number;
  EXPECT_EQ(error_of(target(R"(<reg bitsize="8"/>)")), Errc::malformed);
  EXPECT_EQ(error_of(target(fmt::format(R"(<reg name="{}" bitsize="8"/>)", std::string(65, 'a')))),
            Errc::malformed);
  EXPECT_EQ(error_of(target(R"(<reg name="a" bitsize="8"/><reg name="a" bitsize="8"/>)")), Errc::malformed);
  EXPECT_EQ(error_of(target(R"(<reg name="a" bitsize="8"/><reg name="b" bitsize="8" regnum="0"/>)")),
            Errc::malformed);
}

TEST(TargetDescription, BoundsTheNumberOfRegistersAndTheLengthOfTheText) {
  std::string registers;
  for (int i = 0; i < 2049; ++i) registers += fmt::format(R"(<reg name="r{}" bitsize="8"/>)", i);
  EXPECT_EQ(error_of(target(registers)), Errc::malformed);
  EXPECT_EQ(error_of(target(std::string(1024 * 1024, ' '))), Errc::oversized);
}

TEST(TargetDescription, BoundsTheDepthOfElements) {
  std::string deep, ends;
  for (int i = 0; i < 20'000; ++i) {
    deep += "<feature>";
    ends += "</feature>";
  }
  deep += R"(<reg name="a" bitsize="8"/>)" + ends;
  EXPECT_EQ(error_of(target(deep)), Errc::malformed);
}

TEST(TargetDescription, BoundsAFileThatIncludesItself) {
  int fetched = 0;
  const std::string self = target(R"(<xi:include href="target.xml"/>)");
  const auto layout = parse_target_description(self, [&](const std::string&) -> Result<std::string> {
    ++fetched;
    return self;
  });
  ASSERT_FALSE(layout);
  EXPECT_EQ(layout.error().code, Errc::malformed);
  EXPECT_LE(fetched, 8);
}

TEST(TargetDescription, BoundsTheNumberOfIncludedFiles) {
  std::string includes;
  for (int i = 0; i < 1000; ++i) includes += fmt::format(R"(<xi:include href="f{}.xml"/>)", i);
  int fetched = 0;
  const auto layout =
      parse_target_description(target(includes), [&](const std::string&) -> Result<std::string> {
        ++fetched;
        return std::string("<feature/>");
      });
  ASSERT_FALSE(layout);
  EXPECT_EQ(layout.error().code, Errc::malformed);
  EXPECT_EQ(fetched, 32);
}

TEST(TargetDescription, IncludesOnlyFilesWithPlainNames) {
  for (const char* name : {"", "a:b", "../x", "a/b", "a b", "$x"}) {
    EXPECT_EQ(error_of(target(fmt::format(R"(<xi:include href="{}"/>)", name))), Errc::malformed) << name;
  }
}

TEST(TargetDescription, GivesTheErrorOfAFetchThatFails) {
  EXPECT_EQ(error_of(target(R"(<xi:include href="x.xml"/>)")), Errc::not_found);
}

TEST(TargetDescription, ExpandsNoEntities) {
  // Expanded, this name would have 10^9 characters.
  std::string bomb = "<!DOCTYPE target [<!ENTITY e0 \"aaaaaaaaaa\">";
  for (int i = 1; i < 9; ++i) {
    bomb += fmt::format("<!ENTITY e{} \"", i);
    for (int n = 0; n < 10; ++n) bomb += fmt::format("&e{};", i - 1);
    bomb += "\">";
  }
  bomb += R"(<!ENTITY file SYSTEM "file:///etc/passwd">]>)";
  const auto layout = parse_target_description(
      bomb + target(R"(<reg name="&e8;" bitsize="8"/><reg name="&file;" bitsize="8"/>)"), no_files);
  ASSERT_TRUE(layout) << layout.error().message;
  EXPECT_NE(layout->find("&e8;"), nullptr);
  EXPECT_NE(layout->find("&file;"), nullptr);
}

}  // namespace
}  // namespace ringside::gdbstub
