// SPDX-License-Identifier: Apache-2.0
#include "guest/live/kernel_store.h"

#include "tests/support/temporary_directory.h"
#include "tests/unit/support/kallsyms_writer.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace ringside::guest::live {
namespace {

namespace fs = std::filesystem;
constexpr std::uint64_t kImage = 0xffffffff81000000;

std::shared_ptr<const linux::KernelBuild> build(const std::string& id, std::uint64_t page_fault) {
  using Writer = testing::KallsymsWriter;
  const auto entries = testing::made_up_symbols(600, kImage, true);
  const auto window = Writer(Writer::Layout::linux_6_1, 8, linux::KallsymsEncoding::absolute_percpu)
                          .write(entries, kImage + 0xc00000, kImage);
  const auto part =
      ByteView(window.bytes).subspan(window.tables.first, window.tables.end - window.tables.first);
  auto symbols = linux::SymbolTable::build(Bytes(part.begin(), part.end()),
                                           Gva{window.start + window.tables.first}, window.tables);
  return std::make_shared<linux::KernelBuild>(linux::KernelBuild{id, symbols.value(), page_fault});
}

TEST(KernelStore, AnotherProcessFindsWhatOneKept) {
  testing::TemporaryDirectory directory;
  KernelStore(directory.path()).add(build("0123abcd", kImage + 0x2345));
  KernelStore other(directory.path());
  const auto found = other.builds(kImage + 0x2345 + (std::uint64_t{7} << 21));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0]->build_id, "0123abcd");
  EXPECT_EQ(found[0]->page_fault, kImage + 0x2345);
  EXPECT_EQ(found[0]->symbols->size(), 600u);
  EXPECT_EQ(found[0]->symbols->symbol(300).name, "function_300");
  EXPECT_TRUE(KernelStore(directory.path()).builds(kImage + 0x2346).empty());
}

TEST(KernelStore, AFileThatMakesNoSenseCountsAsNone) {
  testing::TemporaryDirectory directory;
  KernelStore(directory.path()).add(build("0123abcd", kImage + 0x2345));
  const fs::path folder = directory.path() / "kernels";
  ASSERT_EQ(std::distance(fs::directory_iterator(folder), fs::directory_iterator()), 1);
  const fs::path file = fs::directory_iterator(folder)->path();
  fs::resize_file(file, fs::file_size(file) / 2);
  std::ofstream(folder / "fedc-ffffffff81002345") << "nonsense";
  std::ofstream(folder / "no kernel at all") << "nonsense";
  EXPECT_TRUE(KernelStore(directory.path()).builds(kImage + 0x2345).empty());
}

TEST(KernelStore, DoesNotGrowWithoutEnd) {
  testing::TemporaryDirectory directory;
  KernelStore store(directory.path());
  const auto symbols = build("aa", kImage)->symbols;
  for (std::uint64_t i = 0; i < 100; ++i)
    store.add(std::make_shared<linux::KernelBuild>(
        linux::KernelBuild{"b" + std::to_string(i), symbols, kImage + i}));
  EXPECT_LE(std::distance(fs::directory_iterator(directory.path() / "kernels"), fs::directory_iterator()),
            64);
}

TEST(KernelStore, AFolderThatCannotBeWrittenIsNoFailure) {
  KernelStore store("/proc/nowhere");
  store.add(build("0123abcd", kImage));
  EXPECT_EQ(store.builds(kImage).size(), 1u) << "still in memory";
}

}  // namespace
}  // namespace ringside::guest::live
