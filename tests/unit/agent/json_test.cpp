// SPDX-License-Identifier: Apache-2.0
#include "agent/output/json.h"

#include "agent/output/cells.h"

#include <gtest/gtest.h>

#include <sstream>

namespace ringside::agent {
namespace {

using policies::ColumnType;
using policies::Value;

TEST(JsonCell, WritesAddressesAsHexStrings) {
  EXPECT_EQ(json_cell(Value(std::int64_t{-1}), ColumnType::address).dump(), R"("0xffffffffffffffff")");
  EXPECT_EQ(json_cell(Value(std::int64_t{-1}), ColumnType::integer).dump(), "-1");
}

TEST(JsonCell, KnowsBooleansTextAndNull) {
  EXPECT_EQ(json_cell(Value(std::int64_t{1}), ColumnType::boolean).dump(), "true");
  EXPECT_EQ(json_cell(Value(std::string("x")), ColumnType::text).dump(), R"("x")");
  EXPECT_EQ(json_cell(Value(), ColumnType::address).dump(), "null");
}

TEST(JsonRow, KeepsTheOrderOfColumns) {
  EXPECT_EQ(
      json_row({{"z", ColumnType::integer}, {"a", ColumnType::text}}, {std::int64_t{1}, std::string("b")})
          .dump(),
      R"({"z":1,"a":"b"})");
}

TEST(JsonError, CarriesCodeMessageAndHint) {
  EXPECT_EQ(json_error({Errc::refused, "nobody listens", "start QEMU"}).dump(),
            R"({"code":"refused","message":"nobody listens","hint":"start QEMU"})");
  EXPECT_FALSE(json_error({Errc::refused, "nobody listens"}).contains("hint"));
}

TEST(WriteLine, SurvivesTextThatIsNotUtf8) {
  std::ostringstream out;
  write_line(out, {{"name", "\xff"}});
  EXPECT_EQ(out.str(), "{\"name\":\"\xef\xbf\xbd\"}\n");
}

TEST(TextCell, ShowsWhatPeopleRead) {
  EXPECT_EQ(text_cell(Value(std::int64_t{-4096}), ColumnType::address), "0xfffffffffffff000");
  EXPECT_EQ(text_cell(Value(std::int64_t{0}), ColumnType::boolean), "no");
  EXPECT_EQ(text_cell(Value(std::string("a\x1b")), ColumnType::text), "a\\x1b");
  EXPECT_EQ(text_cell(Value(), ColumnType::integer), "-");
}

}  // namespace
}  // namespace ringside::agent
