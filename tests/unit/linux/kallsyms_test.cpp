// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/kallsyms.h"

#include "tests/unit/support/kallsyms_writer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>

namespace ringside::guest::linux {
namespace {

using Writer = testing::KallsymsWriter;
using Layout = Writer::Layout;
using Encoding = KallsymsEncoding;

struct Kind {
  const char* name;
  Layout layout;
  unsigned pointer_size;
  Encoding encoding;
  std::uint64_t start, text;
};
constexpr std::uint64_t kImage = 0xffffffff9e000000;
const Kind kKinds[] = {
    {"5.10", Layout::linux_5_10, 8, Encoding::absolute_percpu, kImage + 0xc00000, kImage},
    {"5.10-686", Layout::linux_5_10, 4, Encoding::base_relative, 0xc9c00000, 0xc9000000},
    {"6.1", Layout::linux_6_1, 8, Encoding::absolute_percpu, kImage + 0xc00000, kImage},
    {"6.1-686", Layout::linux_6_1, 4, Encoding::base_relative, 0xc9c00000, 0xc9000000},
    {"6.12", Layout::linux_6_12, 8, Encoding::absolute_percpu, kImage + 0xc00000, kImage},
    {"7", Layout::linux_7, 8, Encoding::pc_relative, kImage + 0xc00000, kImage},
};

Writer::Window made(const Kind& kind, std::size_t count) {
  const auto entries = testing::made_up_symbols(count, kind.text, kind.encoding == Encoding::absolute_percpu);
  return Writer(kind.layout, kind.pointer_size, kind.encoding).write(entries, kind.start, kind.text);
}

std::vector<std::uint64_t> some_functions(const Kind& kind) {
  return {kind.text + 100 * 48, kind.text + 321 * 48, kind.text + 1000 * 48, kind.text + 7};
}

Result<KallsymsTables> find(const Writer::Window& window, const Kind& kind) {
  return find_kallsyms(window.bytes, Gva{window.start}, kind.pointer_size, some_functions(kind));
}

TEST(Kallsyms, FindsTheTablesOfEachReleaseWithEvenAndOddCounts) {
  for (const Kind& kind : kKinds)
    for (const std::size_t count : {1280, 1281, 2047, 5003}) {
      SCOPED_TRACE(std::string(kind.name) + " with " + std::to_string(count));
      const auto window = made(kind, count);
      const auto found = find(window, kind);
      ASSERT_TRUE(found) << found.error().message;
      EXPECT_EQ(*found, window.tables);
    }
}

TEST(Kallsyms, FindsTheTokenTableAfterASequenceThatEndsWithoutPadding) {
  // 3 * 2048 is a multiple of 8: in the layout of 6.1 no NUL separates the tables.
  const auto window = made(kKinds[2], 2048);
  ASSERT_NE(window.bytes[window.tables.token_table - 1], std::byte{0});
  const auto found = find(window, kKinds[2]);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(*found, window.tables);
}

TEST(Kallsyms, SkipsSignaturesThatAreNone) {
  auto window = made(kKinds[4], 1500);
  std::memcpy(window.bytes.data() + 100, "0\0001\0002\0003\0004\0005\0006\0007\0008\0009\000", 20);
  ASSERT_EQ(find_kallsyms_signature(window.bytes), 100u);
  EXPECT_FALSE(find_kallsyms(window.bytes, Gva{window.start}, 100, 8, some_functions(kKinds[4])));
  const auto found = find(window, kKinds[4]);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(*found, window.tables);
}

TEST(Kallsyms, RefusesTablesInWhichTheKnownFunctionsAreMissing) {
  const auto window = made(kKinds[2], 1500);
  const std::uint64_t strangers[] = {kImage + 1, kImage + 2, kImage + 3, kImage + 48 * 100};
  const auto found = find_kallsyms(window.bytes, Gva{window.start}, 8, strangers);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Errc::not_found);
}

TEST(Kallsyms, RefusesACopyOfPcRelativeTablesAtAnotherPlace) {
  const auto window = made(kKinds[5], 1500);
  EXPECT_FALSE(find_kallsyms(window.bytes, Gva{window.start + 0x10000}, 8, some_functions(kKinds[5])));
}

TEST(Kallsyms, RefusesAWindowThatCannotBeAligned) {
  const auto window = made(kKinds[0], 1500);
  EXPECT_EQ(find_kallsyms(window.bytes, Gva{window.start + 4}, 8, {}).error().code, Errc::invalid_argument);
  EXPECT_EQ(find_kallsyms(window.bytes, Gva{window.start}, 3, {}).error().code, Errc::invalid_argument);
}

TEST(Kallsyms, EveryTruncationIsRefused) {
  for (const Kind& kind : kKinds) {
    const auto window = made(kind, 1281);
    const auto& t = window.tables;
    for (const std::size_t cut : {t.first, t.token_table, t.token_index + 511, t.end - 1}) {
      const auto found = find_kallsyms(ByteView(window.bytes).first(cut), Gva{window.start},
                                       kind.pointer_size, some_functions(kind));
      EXPECT_FALSE(found) << kind.name << " cut at " << cut;
    }
    const std::size_t late = (t.first + 8) & ~std::size_t{7};
    EXPECT_FALSE(find_kallsyms(ByteView(window.bytes).subspan(late), Gva{window.start + late},
                               kind.pointer_size, some_functions(kind)))
        << kind.name;
  }
}

TEST(Kallsyms, DamagedBytesGiveNoWrongTables) {
  std::mt19937 random(1);
  for (const Kind& kind : kKinds) {
    const auto whole = made(kind, 1281);
    for (int round = 0; round < 60; ++round) {
      auto window = whole;
      const auto& t = window.tables;
      // Where the structure is, without the addresses: a symbol at another rising address is no
      // contradiction.
      const std::size_t from = std::min(t.num_syms, t.token_table), to = t.token_index + 512;
      const std::size_t at = from + random() % (to - from);
      window.bytes[at] ^= std::byte{static_cast<unsigned char>(1 + random() % 255)};
      const auto found = find(window, kind);
      if (found) {
        EXPECT_EQ(*found, window.tables) << kind.name << " at " << at;
      }
    }
  }
}

// Bytes made to look like a start of tables everywhere: what it costs is bounded by steps, so this ends.
TEST(Kallsyms, GivesUpOnBytesThatLookLikeTablesEverywhere) {
  const auto window = made(kKinds[4], 1281);
  const auto& t = window.tables;
  const ByteView tokens = ByteView(window.bytes).subspan(t.token_table, t.token_index + 512 - t.token_table);
  Bytes hostile;
  while (hostile.size() < (std::size_t{4} << 20))
    for (const std::uint32_t word : {0u, 700u, 1400u, 2100u, 2800u, 1025u}) {
      const auto bytes = std::as_bytes(std::span(&word, 1));
      hostile.insert(hostile.end(), bytes.begin(), bytes.end());
    }
  hostile.resize(hostile.size() & ~std::size_t{7});
  hostile.insert(hostile.end(), tokens.begin(), tokens.end());
  const auto found = find_kallsyms(hostile, Gva{kImage}, 8, {});
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Errc::not_found);
}

}  // namespace
}  // namespace ringside::guest::linux
