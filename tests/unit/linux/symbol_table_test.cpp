// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/symbol_table.h"

#include "tests/unit/support/kallsyms_writer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>

namespace ringside::guest::linux {
namespace {

using Writer = testing::KallsymsWriter;
using Encoding = KallsymsEncoding;
using Entries = std::vector<Writer::Entry>;
using Table = std::shared_ptr<const SymbolTable>;

constexpr std::uint64_t kImage = 0xffffffff9e000000;
constexpr std::size_t kCount = 1281;

struct Made {
  Entries entries;
  Writer::Window window;
  Table table;
};

Table table_of(const Writer::Window& window) {
  const auto part =
      ByteView(window.bytes).subspan(window.tables.first, window.tables.end - window.tables.first);
  auto table = SymbolTable::build(Bytes(part.begin(), part.end()), Gva{window.start + window.tables.first},
                                  window.tables);
  EXPECT_TRUE(table) << table.error().message;
  return table ? *table : nullptr;
}

Made made(Encoding encoding, unsigned pointer_size = 8, std::uint64_t image = kImage) {
  const auto layout = encoding == Encoding::pc_relative ? Writer::Layout::linux_7 : Writer::Layout::linux_6_1;
  Made result;
  result.entries = testing::made_up_symbols(kCount, image, encoding == Encoding::absolute_percpu);
  result.window = Writer(layout, pointer_size, encoding).write(result.entries, image + 0xc00000, image);
  result.table = table_of(result.window);
  return result;
}

std::vector<Made> all_kinds() {
  std::vector<Made> all;
  all.push_back(made(Encoding::absolute_percpu));
  all.push_back(made(Encoding::pc_relative));
  all.push_back(made(Encoding::base_relative, 4, 0xc9000000));
  return all;
}

TEST(SymbolTable, GivesEverySymbolAsItWasWritten) {
  for (const Made& m : all_kinds()) {
    ASSERT_EQ(m.table->size(), kCount);
    for (std::size_t i = 0; i < kCount; ++i) {
      const Symbol symbol = m.table->symbol(i);
      ASSERT_EQ(symbol.name, m.entries[i].name);
      ASSERT_EQ(symbol.type, m.entries[i].type);
      ASSERT_EQ(symbol.address.value, m.entries[i].address);
    }
  }
}

TEST(SymbolTable, MovesWithTheKernelButForAbsoluteSymbols) {
  constexpr std::uint64_t kSlide = 0u - 0x1c00000u;
  for (const Made& m : all_kinds())
    for (std::size_t i = 0; i < kCount; ++i) {
      const auto& entry = m.entries[i];
      const std::uint64_t mask = entry.address >> 32 == 0 && !entry.absolute ? 0xffffffff : ~std::uint64_t{0};
      ASSERT_EQ(m.table->address(i, kSlide),
                entry.absolute ? entry.address : (entry.address + std::uint64_t{kSlide}) & mask);
    }
}

TEST(SymbolTable, FindsByNameTheFirstInOrderOfAddress) {
  for (const Made& m : all_kinds()) {
    for (std::size_t i = 0; i < kCount; ++i) {
      const auto first = std::find_if(m.entries.begin(), m.entries.end(),
                                      [&](const auto& entry) { return entry.name == m.entries[i].name; });
      ASSERT_EQ(m.table->find(m.entries[i].name), static_cast<std::size_t>(first - m.entries.begin()));
    }
    EXPECT_EQ(m.table->find("function_"), std::nullopt);
    EXPECT_EQ(m.table->find(""), std::nullopt);
    const auto twice = m.table->find_all("__do_sys_twice");
    ASSERT_GT(twice.size(), 20u);
    EXPECT_TRUE(std::is_sorted(twice.begin(), twice.end()));
    EXPECT_TRUE(m.table->find_all("nowhere").empty());
  }
}

TEST(SymbolTable, FindsByAddressTheFirstOfThoseThatShareIt) {
  for (const std::uint64_t slide : {std::uint64_t{0}, std::uint64_t{0x2000000}})
    for (const Made& m : all_kinds()) {
      for (std::size_t i = 50; i < kCount; ++i) {
        const std::size_t expected = i % 10 == 9 ? i - 1 : i;
        const std::uint64_t address = m.table->address(i, slide);
        ASSERT_EQ(m.table->at_or_before(address, slide), expected);
        ASSERT_EQ(m.table->at_or_before(address + 47, slide), expected);
      }
      const std::uint64_t below = m.table->address(0, slide);
      EXPECT_EQ(m.table->at_or_before(below, slide), 0u);
      if (below > 0) {
        EXPECT_EQ(m.table->at_or_before(below - 1, slide), std::nullopt);
      }
      EXPECT_EQ(m.table->at_or_before(~std::uint64_t{0}, slide), kCount - 1);
    }
}

TEST(SymbolTable, KnowsItsOwnTablesInAKernelThatWasMoved) {
  const Entries entries = testing::made_up_symbols(kCount, kImage, true);
  const Writer writer(Writer::Layout::linux_6_12, 8, Encoding::absolute_percpu);
  const auto window = writer.write(entries, kImage + 0xc00000, kImage);
  Entries moved_entries = entries;
  for (auto& entry : moved_entries)
    if (!entry.absolute) entry.address += 0x400000;
  const auto moved = writer.write(moved_entries, kImage + 0x1000000, kImage + 0x400000);
  const auto table = table_of(window);
  const auto part = [](const Writer::Window& w) {
    return ByteView(w.bytes).subspan(w.tables.first, w.tables.end - w.tables.first);
  };
  EXPECT_TRUE(table->same_tables(part(window)));
  EXPECT_TRUE(table->same_tables(part(moved)));
  EXPECT_FALSE(table->same_tables(part(moved).first(part(moved).size() - 1)));
  for (const std::size_t at :
       {std::size_t{0}, part(window).size() / 2, window.tables.offsets - window.tables.first}) {
    Bytes other(part(window).begin(), part(window).end());
    other[at] ^= std::byte{1};
    EXPECT_FALSE(table->same_tables(other));
  }
}

TEST(SymbolTable, ComesBackFromItsFile) {
  for (const Made& m : all_kinds()) {
    const auto again = SymbolTable::parse(m.table->serialise());
    ASSERT_TRUE(again) << again.error().message;
    ASSERT_EQ((*again)->size(), kCount);
    EXPECT_EQ((*again)->tables_start(), m.table->tables_start());
    EXPECT_EQ((*again)->tables_bytes(), m.table->tables_bytes());
    for (std::size_t i = 0; i < kCount; ++i) {
      ASSERT_EQ((*again)->symbol(i).name, m.entries[i].name);
      ASSERT_EQ((*again)->address(i, 4096), m.table->address(i, 4096));
      ASSERT_EQ((*again)->find(m.entries[i].name), m.table->find(m.entries[i].name));
    }
  }
}

TEST(SymbolTable, RefusesADamagedFile) {
  const Bytes file = made(Encoding::pc_relative).table->serialise();
  std::mt19937 random(7);
  for (int round = 0; round < 500; ++round) {
    Bytes damaged = file;
    damaged[round < 128 ? static_cast<std::size_t>(round) : random() % file.size()] ^= std::byte{0x20};
    EXPECT_FALSE(SymbolTable::parse(std::move(damaged)));
  }
  for (const std::size_t length :
       {std::size_t{0}, std::size_t{8}, std::size_t{127}, std::size_t{128}, file.size() - 1})
    EXPECT_FALSE(SymbolTable::parse(Bytes(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(length))));
}

TEST(SymbolTable, RefusesTablesThatDoNotLieInTheirBytes) {
  const Made m = made(Encoding::absolute_percpu);
  KallsymsTables base = m.window.tables;
  const auto refused = [&](auto change) {
    KallsymsTables tables = base;
    change(tables);
    const auto table = SymbolTable::build(m.table->tables_bytes(), m.table->tables_start(), tables);
    return !table && table.error().code == Errc::malformed;
  };
  EXPECT_TRUE(refused([](auto& t) { t.count = 0; }));
  EXPECT_TRUE(refused([](auto& t) { t.count -= 1; }));
  EXPECT_TRUE(refused([](auto& t) { t.count = kMaxSymbols + 1; }));
  EXPECT_TRUE(refused([](auto& t) { t.pointer_size = 2; }));
  EXPECT_TRUE(refused([](auto& t) { t.offsets = t.first - 1; }));
  EXPECT_TRUE(refused([](auto& t) { t.relative_base_at = t.end - 4; }));
  EXPECT_TRUE(refused([](auto& t) { t.names += 1; }));
  EXPECT_TRUE(refused([](auto& t) { t.names_end = t.end + 1; }));
  EXPECT_TRUE(refused([](auto& t) { t.token_index += 2; }));
  EXPECT_TRUE(refused([](auto& t) { t.token_table = ~std::size_t{0}; }));
}

// A file with a right checksum but an index that lies: names may be missed, never confused.
TEST(SymbolTable, AWrongIndexNeverGivesAWrongSymbol) {
  const Made m = made(Encoding::absolute_percpu);
  const auto names =
      SymbolNames::create(m.window.bytes, {m.window.tables.token_table, m.window.tables.token_index},
                          m.window.tables.names, m.window.tables.names_end, m.window.tables.count);
  ASSERT_TRUE(names);
  std::vector<std::uint64_t> entries = SymbolNameIndex(*names).entries();
  for (auto& entry : entries)
    entry = (entry & ~std::uint64_t{0xffffffff}) | (static_cast<std::uint32_t>(entry) + 1) % kCount;
  std::sort(entries.begin(), entries.end());
  const auto index = SymbolNameIndex::create(entries, kCount);
  ASSERT_TRUE(index);
  for (const auto& entry : m.entries)
    index->each(*names, entry.name, [&](std::size_t symbol) {
      EXPECT_EQ(m.entries[symbol].name, entry.name);
      return true;
    });
  entries.back() |= 0xffffffff;
  EXPECT_FALSE(SymbolNameIndex::create(entries, kCount));
}

}  // namespace
}  // namespace ringside::guest::linux
