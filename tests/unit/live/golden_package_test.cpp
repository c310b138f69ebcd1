// SPDX-License-Identifier: Apache-2.0
// Vendors' kernels and modules out of Debian packages, as dpkg-deb makes them.
#include "guest/live/golden_import.h"
#include "tests/support/temporary_directory.h"
#include "tests/unit/support/golden_world.h"

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace ringside::guest::live {
namespace {

using testing::GoldenWorld;
using testing::TemporaryDirectory;
using Files = std::vector<std::pair<std::string, Bytes>>;

Bytes module_file(std::string_view name) {
  testing::ElfWriter writer;
  const std::string info =
      "name=" + std::string(name) + '\0' + "vermagic=6.1.0-fake SMP" + '\0' + "srcversion=ABC" + '\0';
  writer.add({".modinfo", 1, 2, 0, testing::ElfWriter::bytes_of(info)});
  return writer.write(1);
}

/// An archive of plain files, written to `path`; `set_up` says of what format and compression.
template <class SetUp>
void write_archive(const std::string& path, SetUp set_up, const Files& files) {
  const std::unique_ptr<archive, int (*)(archive*)> out(archive_write_new(), archive_write_free);
  set_up(out.get());
  ASSERT_EQ(archive_write_open_filename(out.get(), path.c_str()), ARCHIVE_OK)
      << archive_error_string(out.get());
  for (const auto& [name, bytes] : files) {
    const std::unique_ptr<archive_entry, void (*)(archive_entry*)> entry(archive_entry_new(),
                                                                         archive_entry_free);
    archive_entry_set_pathname(entry.get(), name.c_str());
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    archive_entry_set_perm(entry.get(), 0644);
    archive_entry_set_size(entry.get(), static_cast<la_int64_t>(bytes.size()));
    ASSERT_EQ(archive_write_header(out.get(), entry.get()), ARCHIVE_OK) << archive_error_string(out.get());
    ASSERT_EQ(archive_write_data(out.get(), bytes.data(), bytes.size()),
              static_cast<la_ssize_t>(bytes.size()));
  }
  ASSERT_EQ(archive_write_close(out.get()), ARCHIVE_OK) << archive_error_string(out.get());
}

Bytes read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  return testing::ElfWriter::bytes_of(text);
}

struct Compression {
  const char* suffix;
  int (*add)(archive*);
};

class GoldenPackage : public ::testing::Test {
 protected:
  /// deb(5): an ar archive of debian-binary, control.tar and data.tar, which holds `content`.
  std::string package(const Files& content,
                      const Compression& compression = {".xz", archive_write_add_filter_xz}) {
    const auto tar = [&](archive* out) {
      archive_write_set_format_gnutar(out);
      compression.add(out);
    };
    const std::string control = vendor_.file("control.tar"), data = vendor_.file("data.tar"),
                      path = vendor_.file("linux-image.deb");
    write_archive(control, tar, {{"./control", testing::ElfWriter::bytes_of("Package: linux-image\n")}});
    write_archive(data, tar, content);
    write_archive(path, archive_write_set_format_ar_svr4,
                  {{"debian-binary", testing::ElfWriter::bytes_of("2.0\n")},
                   {std::string("control.tar") + compression.suffix, read(control)},
                   {std::string("data.tar") + compression.suffix, read(data)}});
    return path;
  }
  GoldenImport import() {
    return {files, [this](std::string_view name) { seen.emplace_back(name); }};
  }

  TemporaryDirectory state_, vendor_;
  GoldenFiles files{state_.path()};
  std::vector<std::string> seen;
};

TEST_F(GoldenPackage, GivesItsKernelAndItsModules) {
  for (const Compression& compression : {Compression{".xz", archive_write_add_filter_xz},
                                         {".gz", archive_write_add_filter_gzip},
                                         {".zst", archive_write_add_filter_zstd},
                                         {"", archive_write_add_filter_none}}) {
    auto taking = import();
    const auto taken = taking.take(package({{"./boot/config-6.1.0-fake", Bytes(10)},
                                            {"./boot/vmlinuz-6.1.0-fake", GoldenWorld().payload()},
                                            {"./lib/modules/6.1.0-fake/kernel/one.ko", module_file("one")},
                                            {"./lib/modules/6.1.0-fake/kernel/two.ko", module_file("two")},
                                            {"./usr/share/doc/copyright", Bytes(10)}},
                                           compression));
    ASSERT_TRUE(taken) << compression.suffix << ": " << taken.error().message;
    ASSERT_EQ(taking.kernels().size(), 1u) << compression.suffix;
    EXPECT_EQ(taking.kernels()[0].release, "6.1.0-fake");
    EXPECT_EQ(taking.modules(), 2u);
    EXPECT_TRUE(taking.problems().empty());
    EXPECT_EQ(seen, (std::vector<std::string>{"vmlinuz-6.1.0-fake", "one.ko", "two.ko"}));
    EXPECT_TRUE(files.kernel({std::string(GoldenWorld::kBuildId), "6.1.0-fake"}));
    EXPECT_TRUE(files.module({"6.1.0-fake", "two", {}, {}}));
    ASSERT_TRUE(files.remove(std::string(GoldenWorld::kBuildId)));
    seen.clear();
  }
}

TEST_F(GoldenPackage, IsFoundInADirectoryToo) {
  package({{"./lib/modules/6.1.0-fake/one.ko", module_file("one")}});
  auto taking = import();
  ASSERT_TRUE(taking.take(vendor_.path()));
  EXPECT_EQ(taking.modules(), 1u);
}

TEST_F(GoldenPackage, AFileInItThatIsNoModuleCostsItselfOnly) {
  auto taking = import();
  ASSERT_TRUE(taking.take(package({{"./lib/modules/6.1.0-fake/broken.ko", Bytes(100)},
                                   {"./lib/modules/6.1.0-fake/one.ko", module_file("one")}})));
  EXPECT_EQ(taking.modules(), 1u);
  ASSERT_EQ(taking.problems().size(), 1u);
  EXPECT_NE(taking.problems()[0].message.find("broken.ko"), std::string::npos);
}

TEST_F(GoldenPackage, WithoutKernelAndModulesIsAnError) {
  auto taking = import();
  const auto taken = taking.take(package({{"./usr/share/doc/linux-image-amd64/copyright", Bytes(10)}}));
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, Errc::unsupported);
  EXPECT_NE(taken.error().hint.find("meta package"), std::string::npos);
}

TEST_F(GoldenPackage, ThatIsCutShortIsAnError) {
  const std::string path = package({{"./lib/modules/6.1.0-fake/one.ko", module_file("one")}});
  for (const std::size_t left : {100u, 300u}) {
    const Bytes whole = read(path);
    ASSERT_GT(whole.size(), left);
    const std::string cut = vendor_.file("cut.deb");
    std::ofstream(cut, std::ios::binary)
        .write(reinterpret_cast<const char*>(whole.data()), static_cast<std::streamsize>(left));
    auto taking = import();
    EXPECT_FALSE(taking.take(cut)) << left;
    EXPECT_EQ(taking.modules(), 0u);
  }
}

TEST_F(GoldenPackage, AnArchiveThatIsNoPackageIsAnError) {
  const std::string path = vendor_.file("library.a");
  write_archive(path, archive_write_set_format_ar_svr4, {{"one.o", module_file("one")}});
  auto taking = import();
  const auto taken = taking.take(path);
  ASSERT_FALSE(taken);
  EXPECT_NE(taken.error().message.find("no Debian package"), std::string::npos);
}

}  // namespace
}  // namespace ringside::guest::live
