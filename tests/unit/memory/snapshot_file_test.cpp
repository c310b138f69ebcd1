// SPDX-License-Identifier: Apache-2.0
#include "guest/snapshot_file.h"

#include "guest/snapshot_metadata.h"
#include "guest/snapshot_stream.h"
#include "tests/unit/memory/backend_fixture.h"
#include "tests/unit/support/fake_memory.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include <fstream>
#include <random>

namespace ringside::guest {
namespace {

using testing::FakeMemory;
using testing::TestFolder;

GuestInfo some_info() {
  GuestInfo info;
  info.target = "/run/web.qmp";
  info.name = "web \"1\"";
  info.uuid = "6c5e";
  info.qemu_version = "7.2.22 (Debian)";
  info.accelerator = "kvm";
  info.status = "running";
  info.backend = "process";
  info.taken =
      std::chrono::sys_time<std::chrono::microseconds>(std::chrono::microseconds(1'700'000'000'123'456));
  return info;
}

std::vector<x86::CpuState> some_cpus() {
  std::vector<x86::CpuState> cpus(2);
  for (unsigned i = 0; i < 2; ++i) {
    x86::CpuState& cpu = cpus[i];
    cpu.index = i;
    for (std::size_t k = 0; k < 16; ++k) cpu.gpr[k] = ~std::uint64_t{0} - k;
    cpu.rip = 0xffffffff81c00080;
    cpu.rflags = 0x246;
    cpu.cpl = 3;
    cpu.halted = i == 1;
    cpu.cs = {0x10, 0, 0xffffffff, 0x00af9b00};
    cpu.gs = {0, 0xffff88800f600000, 0, 0};
    cpu.tr = {0x40, 0xfffffe0000003000, 0x4087, 0x8b00};
    cpu.gdt = {Gva{0xfffffe0000001000}, 0x7f};
    cpu.idt = {Gva{0xfffffe0000000000}, 0xfff};
    cpu.cr0 = 0x80050033;
    cpu.cr3 = 0x1234000;
    cpu.efer = 0xd01;
    cpu.dr[7] = 0x400;
  }
  cpus[0].msrs.emplace();
  cpus[0].msrs->lstar = 0xffffffff81c00080;
  cpus[0].msrs->kernel_gs_base = 7;
  cpus[1].msrs_unknown = "not calibrated";
  return cpus;
}

class SnapshotFile : public ::testing::Test {
 protected:
  SnapshotFile() {
    std::mt19937_64 random(3);
    for (std::uint64_t gpa = 0; gpa < 0x8000; gpa += 8) memory_.put(Gpa{gpa}, random());
    for (const std::uint64_t gpa : {0x0u, 0x3000u, 0x5000u, 0x9000u}) EXPECT_TRUE(snapshot_.page(Gpa{gpa}));
  }

  Bytes saved() {
    EXPECT_TRUE(save_snapshot(snapshot_, path_));
    std::ifstream file(path_, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    const ByteView bytes = as_bytes(text);
    return {bytes.begin(), bytes.end()};
  }

  /// A file with this header and body, checksum and all.
  static Bytes forge(std::uint64_t metadata_size, std::uint64_t page_count, ByteView body) {
    Bytes file;
    const auto append = [&file](ByteView bytes) -> Result<void> {
      file.insert(file.end(), bytes.begin(), bytes.end());
      return {};
    };
    const std::array<std::uint64_t, 3> numbers = {1, metadata_size, page_count};
    EXPECT_TRUE(append(as_bytes("RINGSNAP")));
    EXPECT_TRUE(append(std::as_bytes(std::span(numbers))));
    Compressor compressor(append);
    EXPECT_TRUE(compressor.add(body));
    EXPECT_TRUE(compressor.finish());
    return sign(std::move(file));
  }
  static Bytes sign(Bytes file) {
    Sha256 checksum;
    checksum.add(file);
    const Sha256Digest digest = checksum.finish();
    file.insert(file.end(), digest.begin(), digest.end());
    return file;
  }
  /// The body of a file: the description, then pages at `gpas`.
  Bytes body(const std::string& metadata, const std::vector<std::uint64_t>& gpas) const {
    const ByteView text = as_bytes(metadata);
    Bytes bytes(text.begin(), text.end());
    for (const std::uint64_t gpa : gpas) {
      const ByteView address = std::as_bytes(std::span(&gpa, 1));
      bytes.insert(bytes.end(), address.begin(), address.end());
      bytes.resize(bytes.size() + kPageSize, std::byte{0x5a});
    }
    return bytes;
  }
  std::string metadata() const { return write_metadata({some_info(), memory_.map(), some_cpus()}); }

  TestFolder folder_;
  std::string path_ = folder_.path() + "/guest.snapshot";
  FakeMemory memory_{0x10000};
  Snapshot snapshot_{some_info(), some_cpus(), memory_};
};

TEST_F(SnapshotFile, WhatWasSavedIsLoaded) {
  ASSERT_TRUE(save_snapshot(snapshot_, path_));
  EXPECT_TRUE(is_snapshot_file(path_));
  auto loaded = load_snapshot(path_);
  ASSERT_TRUE(loaded) << loaded.error().message;
  Snapshot& copy = **loaded;
  EXPECT_EQ(copy.kept_cpus(), snapshot_.kept_cpus());
  EXPECT_EQ(copy.map(), snapshot_.map());
  EXPECT_EQ(copy.info().target, snapshot_.info().target);
  EXPECT_EQ(copy.info().name, snapshot_.info().name);
  EXPECT_EQ(copy.info().uuid, snapshot_.info().uuid);
  EXPECT_EQ(copy.info().qemu_version, snapshot_.info().qemu_version);
  EXPECT_EQ(copy.info().accelerator, snapshot_.info().accelerator);
  EXPECT_EQ(copy.info().status, snapshot_.info().status);
  EXPECT_EQ(copy.info().backend, snapshot_.info().backend);
  EXPECT_EQ(copy.info().taken, snapshot_.info().taken);
  ASSERT_EQ(copy.pages().size(), 4u);
  for (const auto& [gpa, page] : snapshot_.pages()) EXPECT_EQ(*copy.pages().at(gpa), *page);
}

TEST_F(SnapshotFile, ALoadedSnapshotIsSavedAsTheSameFile) {
  const Bytes first = saved();
  const auto loaded = load_snapshot(path_);
  ASSERT_TRUE(loaded);
  ASSERT_TRUE(save_snapshot(**loaded, path_ + "2"));
  std::ifstream file(path_ + "2", std::ios::binary);
  const std::string second{std::istreambuf_iterator<char>(file), {}};
  EXPECT_TRUE(std::ranges::equal(first, as_bytes(second)));
}

TEST_F(SnapshotFile, PagesThatWereNotSavedAreUnavailableNotZero) {
  ASSERT_TRUE(save_snapshot(snapshot_, path_));
  const auto loaded = load_snapshot(path_).value();
  EXPECT_TRUE(loaded->page(Gpa{0x3000}));
  EXPECT_EQ(loaded->page(Gpa{0x4000}).error().code, Errc::unavailable);
  EXPECT_EQ(loaded->page(Gpa{0x10000}).error().code, Errc::not_ram);
}

TEST_F(SnapshotFile, OnlyItsOwnerMayReadItAndNothingElseIsLeft) {
  ASSERT_TRUE(save_snapshot(snapshot_, path_));
  struct stat status {};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  EXPECT_EQ(folder_.files(), 1u);
}

TEST_F(SnapshotFile, AFailedSaveLeavesTheOldFileAndNothingElse) {
  ASSERT_EQ(::mkdir(path_.c_str(), 0700), 0);  // a folder cannot be replaced by a file
  const auto result = save_snapshot(snapshot_, path_);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::io);
  EXPECT_EQ(folder_.files(), 1u);
  EXPECT_FALSE(save_snapshot(snapshot_, "/nonexistent/file"));
}

TEST_F(SnapshotFile, EveryChangedByteIsDetected) {
  // One page keeps it small enough to try every byte.
  FakeMemory memory(0x10000);
  Snapshot small(some_info(), some_cpus(), memory);
  ASSERT_TRUE(small.page(Gpa{0x1000}));
  ASSERT_TRUE(save_snapshot(small, path_));
  std::ifstream stream(path_, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  Bytes file(as_bytes(text).begin(), as_bytes(text).end());
  ASSERT_TRUE(parse_snapshot(file));
  for (std::byte& b : file) {
    b ^= std::byte{1};
    const auto loaded = parse_snapshot(file);
    ASSERT_FALSE(loaded);
    ASSERT_EQ(loaded.error().code, Errc::malformed);
    b ^= std::byte{1};
  }
}

TEST_F(SnapshotFile, EveryTruncationIsDetected) {
  const Bytes file = saved();
  for (std::size_t size = 0; size < file.size(); size += size < 200 ? 1 : 97)
    ASSERT_EQ(parse_snapshot(ByteView(file).first(size)).error().code, Errc::malformed) << size;
}

TEST_F(SnapshotFile, TruncationUnderARightChecksumIsDetected) {
  const Bytes file = saved();
  const std::size_t covered = file.size() - 32;
  for (std::size_t size = 0; size < covered; size += size < 200 ? 1 : 97)
    ASSERT_EQ(parse_snapshot(sign(Bytes(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size))))
                  .error()
                  .code,
              Errc::malformed)
        << size;
}

TEST_F(SnapshotFile, AWellFormedForgeryLoads) {  // so that the refusals below have the reason they name
  const std::string text = metadata();
  const auto loaded = parse_snapshot(forge(text.size(), 2, body(text, {0x1000, 0x2000})));
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ((*loaded)->pages().size(), 2u);
}

TEST_F(SnapshotFile, PagesOutOfOrderOrOutsideMemoryAreRefused) {
  const std::string text = metadata();
  for (const std::vector<std::uint64_t>& gpas :
       std::vector<std::vector<std::uint64_t>>{{0x2000, 0x1000},
                                               {0x1000, 0x1000},
                                               {0x1000, 0x2008},
                                               {0x1000, 0x10000},
                                               {0x1000, 0xfffffffffffff000}}) {
    const auto loaded = parse_snapshot(forge(text.size(), 2, body(text, gpas)));
    ASSERT_FALSE(loaded) << gpas[1];
    EXPECT_EQ(loaded.error().code, Errc::malformed);
  }
}

TEST_F(SnapshotFile, ClaimsThatTheBodyDoesNotKeepAreRefused) {
  const std::string text = metadata();
  const Bytes two = body(text, {0x1000, 0x2000});
  for (const std::uint64_t pages : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{3},
                                    std::uint64_t{1} << 24, (std::uint64_t{1} << 24) + 1, ~std::uint64_t{0}})
    EXPECT_EQ(parse_snapshot(forge(text.size(), pages, two)).error().code, Errc::malformed) << pages;
  for (const std::uint64_t size : {std::uint64_t{0}, text.size() - 1, text.size() + 1,
                                   std::uint64_t{16} << 20, (std::uint64_t{16} << 20) + 1, ~std::uint64_t{0}})
    EXPECT_EQ(parse_snapshot(forge(size, 2, two)).error().code, Errc::malformed) << size;
}

TEST_F(SnapshotFile, DescriptionsWithMissingOrOddFieldsAreRefused) {
  const nlohmann::json good = nlohmann::json::parse(metadata());
  ASSERT_TRUE(parse_metadata(good.dump()));
  const auto refused = [](const nlohmann::json& json) {
    const auto parsed = parse_metadata(json.dump());
    return !parsed && parsed.error().code == Errc::malformed;
  };
  for (const auto& [key, value] : good.items()) {
    nlohmann::json bad = good;
    bad.erase(key);
    EXPECT_TRUE(refused(bad)) << key;
  }
  for (const auto& [key, value] : good["cpus"][0].items()) {
    if (key == "msrs") continue;  // may be missing
    for (const nlohmann::json& odd : {nlohmann::json(), nlohmann::json(-1), nlohmann::json(1e300),
                                      nlohmann::json::array({1}), nlohmann::json::object()}) {
      nlohmann::json bad = good;
      bad["cpus"][0][key] = odd;
      EXPECT_TRUE(refused(bad)) << key << " " << odd;
    }
  }
  for (const auto& [pointer, odd] : std::vector<std::pair<std::string, nlohmann::json>>{
           {"/cpus/0/cs/selector", 65536},
           {"/cpus/0/gdt/limit", std::uint64_t{1} << 32},
           {"/cpus/0/gpr/3", -1},
           {"/cpus/0/gpr/3", 1e30},
           {"/map/0/size", 0},
           {"/map/0/start", ~std::uint64_t{0}},
           {"/map/0/kind", "mmio"},
           {"/info/taken_us", "now"},
           {"/cpus", "none"},
       }) {
    nlohmann::json bad = good;
    bad[nlohmann::json::json_pointer(pointer)] = odd;
    EXPECT_TRUE(refused(bad)) << pointer;
  }
  EXPECT_FALSE(parse_metadata(std::string(1 << 20, '[')));
}

TEST_F(SnapshotFile, WhatIsNoSnapshotFileIsRefused) {
  EXPECT_FALSE(is_snapshot_file("/nonexistent"));
  EXPECT_FALSE(is_snapshot_file(folder_.path()));
  EXPECT_FALSE(is_snapshot_file("/dev/null"));
  EXPECT_EQ(load_snapshot("/nonexistent").error().code, Errc::not_found);
  EXPECT_FALSE(load_snapshot(folder_.path()));
  EXPECT_FALSE(load_snapshot("/dev/null"));
  Bytes file = saved();
  file[8] = std::byte{2};
  const auto newer = parse_snapshot(file);
  ASSERT_FALSE(newer);
  EXPECT_NE(newer.error().message.find("version 2"), std::string::npos);
}

}  // namespace
}  // namespace ringside::guest
