// SPDX-License-Identifier: Apache-2.0
#include "guest/live/golden_files.h"

#include "guest/live/golden_import.h"
#include "tests/support/temporary_directory.h"
#include "tests/unit/support/btf_writer.h"
#include "tests/unit/support/golden_world.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace ringside::guest::live {
namespace {

using testing::GoldenWorld;
using testing::TemporaryDirectory;

Bytes module_file(std::string_view name) {
  testing::ElfWriter writer;
  const std::string info =
      "name=" + std::string(name) + '\0' + "vermagic=6.1.0-fake SMP" + '\0' + "srcversion=ABC" + '\0';
  writer.add({".modinfo", 1, 2, 0, testing::ElfWriter::bytes_of(info)});
  return writer.write(1);
}

void write(const std::string& path, ByteView bytes) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

TEST(GoldenFiles, AnotherProcessFindsWhatWasImported) {
  TemporaryDirectory state;
  GoldenFiles(state.path()).add_kernel(GoldenWorld().payload()).value();
  GoldenFiles(state.path()).add_module(module_file("some_module")).value();
  GoldenFiles files(state.path());
  const std::string id(GoldenWorld::kBuildId);
  EXPECT_EQ(files.kernel({id, "6.1.0-fake"}).value()->release(), "6.1.0-fake");
  EXPECT_EQ(files.kernel({"ff", "6.1.0-other"}).error().code, Errc::not_found);
  // A guest that says another build id of a release that is known may be made to say so.
  EXPECT_EQ(files.kernel({"ff", "6.1.0-fake"}).error().code, Errc::mismatch);
  EXPECT_EQ(files.kernel({"", "6.1.0-fake"}).error().code, Errc::mismatch);
  EXPECT_EQ(files.module({"6.1.0-fake", "some_module", {}, {}}).value()->name(), "some_module");
  EXPECT_EQ(files.module({"6.1.0-fake", "some_module", {}, "DEF"}).error().code, Errc::mismatch);
  EXPECT_EQ(files.module({"6.1.0-fake", "other", {}, {}}).error().code, Errc::not_found);
  // One that is imported later, by whomever.
  GoldenFiles(state.path()).add_module(module_file("other")).value();
  EXPECT_TRUE(files.module({"6.1.0-fake", "other", {}, {}}));
  ASSERT_EQ(files.list().size(), 3u);
  EXPECT_EQ(files.list()[0].kind, GoldenFiles::Kind::kernel);
}

TEST(GoldenFiles, TypesOfAKernelThatHoldsNoneAreKeptBesideIt) {
  // As objcopy --add-section puts them: no part of the image.
  TemporaryDirectory state;
  testing::BtfWriter btf;
  btf.struct_("static_key", 4, {{"enabled", btf.integer("int", 4), 0}});
  Bytes symbols(24), names = testing::ElfWriter::bytes_of(std::string_view("\0netstamp_needed_key\0", 21));
  testing::ElfWriter::append_value(symbols, std::uint32_t{1});
  testing::ElfWriter::append_value(symbols, std::uint8_t{0x11});  // global, an object
  testing::ElfWriter::append_value(symbols, std::uint8_t{0});
  testing::ElfWriter::append_value(symbols, std::uint16_t{2});
  testing::ElfWriter::append_value(symbols, GoldenWorld::kRodata + 0x40);
  testing::ElfWriter::append_value(symbols, std::uint64_t{4});
  const Bytes vmlinux = GoldenWorld().payload({{".BTF", 1, 0, 0, btf.finish()},
                                               {".strtab", 3, 0, 0, names},
                                               {".symtab", 2, 0, 0, symbols, GoldenWorld::kSections + 2}});
  write(state.file("vmlinux"), vmlinux);
  GoldenFiles files(state.path());
  GoldenImport import(files, [](std::string_view) {});
  ASSERT_TRUE(import.take(state.file("vmlinux")));
  EXPECT_TRUE(import.kernels().empty());
  ASSERT_EQ(import.types().size(), 1u);
  const std::string id(GoldenWorld::kBuildId);
  const auto debug = GoldenFiles(state.path()).debug({id, "6.1.0-fake"});
  ASSERT_TRUE(debug) << debug.error().message;
  EXPECT_TRUE((*debug)->types()->has("static_key", "enabled"));
  EXPECT_TRUE((*debug)->symbols()->find("netstamp_needed_key"));
  EXPECT_EQ(files.debug({"ff", "6.1.0-fake"}).error().code, Errc::not_found);
  EXPECT_EQ(files.kernel({id, "6.1.0-fake"}).error().code, Errc::not_found);
  EXPECT_EQ(files.remove(id).value(), 1u);
  EXPECT_EQ(GoldenFiles(state.path()).debug({id, "6.1.0-fake"}).error().code, Errc::not_found);
}

TEST(GoldenFiles, TheRevisionChangesWithWhatIsThere) {
  TemporaryDirectory state;
  GoldenFiles files(state.path()), other(state.path());
  const auto empty = files.revision();
  EXPECT_EQ(files.revision(), empty);
  other.add_kernel(GoldenWorld().payload()).value();
  const auto kernel = files.revision();
  EXPECT_NE(kernel, empty);
  other.add_module(module_file("some_module")).value();
  const auto module = files.revision();
  EXPECT_NE(module, kernel);
  other.remove(std::string(GoldenWorld::kBuildId)).value();
  EXPECT_NE(files.revision(), module);
  EXPECT_EQ(files.revision(), other.revision());
}

TEST(GoldenFiles, ModulesGoWithTheLastKernelOfTheirRelease) {
  TemporaryDirectory state;
  GoldenFiles files(state.path());
  files.add_kernel(GoldenWorld().payload()).value();
  files.add_module(module_file("one")).value();
  files.add_module(module_file("two")).value();
  EXPECT_EQ(files.remove("nothing").error().code, Errc::not_found);
  EXPECT_EQ(files.remove(std::string(GoldenWorld::kBuildId)).value(), 3u);
  EXPECT_TRUE(files.list().empty());
}

TEST(GoldenFiles, ADamagedFileIsAnErrorAndNoKernel) {
  TemporaryDirectory state;
  const auto entry = GoldenFiles(state.path()).add_kernel(GoldenWorld().payload()).value();
  std::fstream file(entry.path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(40);
  file.write("damage", 6);
  file.close();
  EXPECT_FALSE(GoldenFiles(state.path()).kernel({entry.id, entry.release}));
}

TEST(GoldenFiles, NamesInFilesDoNotLeaveTheDirectory) {
  TemporaryDirectory state;
  const auto entry = GoldenFiles(state.path()).add_module(module_file("../../../escape")).value();
  EXPECT_EQ(std::filesystem::path(entry.path).parent_path().parent_path().filename(), "modules")
      << entry.path;
  EXPECT_TRUE(std::filesystem::exists(entry.path));
}

TEST(GoldenImport, TakesWhatItKnowsOfADirectoryAndSaysWhatItCouldNot) {
  TemporaryDirectory state, vendor;
  std::filesystem::create_directories(vendor.path() / "boot");
  write(vendor.file("boot/vmlinux-6.1.0-fake"), GoldenWorld().payload());
  write(vendor.file("one.ko"), module_file("one"));
  write(vendor.file("broken.ko"), as_bytes("no module"));
  write(vendor.file("README"), as_bytes("nothing of ours"));
  GoldenFiles files(state.path());
  std::size_t seen = 0;
  GoldenImport import(files, [&](std::string_view) { ++seen; });
  ASSERT_TRUE(import.take(vendor.path()));
  EXPECT_EQ(import.kernels().size(), 1u);
  EXPECT_EQ(import.modules(), 1u);
  ASSERT_EQ(import.problems().size(), 1u);
  EXPECT_NE(import.problems()[0].message.find("broken.ko"), std::string::npos);
  EXPECT_EQ(seen, 3u);
}

TEST(GoldenImport, AFileThatIsNamedMustBeOne) {
  TemporaryDirectory state;
  write(state.file("text"), as_bytes("no kernel"));
  GoldenFiles files(state.path());
  GoldenImport import(files, [](std::string_view) {});
  EXPECT_EQ(import.take(state.file("text")).error().code, Errc::unsupported);
  EXPECT_EQ(import.take(state.file("missing")).error().code, Errc::not_found);
}

}  // namespace
}  // namespace ringside::guest::live
