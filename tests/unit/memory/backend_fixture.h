// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/memory/backends.h"
#include "tests/unit/support/fake_monitor.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace ringside::testing {

/// A memfd, mapped writable: what QEMU's shared memory backend is.
class TestFile {
 public:
  explicit TestFile(std::size_t size) : size_(size), descriptor_(::memfd_create("guest-ram", MFD_CLOEXEC)) {
    EXPECT_EQ(::ftruncate(descriptor_, static_cast<off_t>(size)), 0);
    data_ =
        static_cast<std::byte*>(::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor_, 0));
  }
  TestFile(const TestFile&) = delete;
  ~TestFile() {
    ::munmap(data_, size_);
    ::close(descriptor_);
  }
  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }
  void truncate(std::size_t size) { EXPECT_EQ(::ftruncate(descriptor_, static_cast<off_t>(size)), 0); }
  std::byte* data() { return data_; }
  std::span<std::byte> bytes() { return {data_, size_}; }

 private:
  std::size_t size_;
  int descriptor_;
  std::byte* data_ = nullptr;
};

/// A folder that is removed with what is in it.
class TestFolder {
 public:
  TestFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "ringside-test-XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    path_ = name;
  }
  TestFolder(const TestFolder&) = delete;
  ~TestFolder() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(path_), {}));
  }

 private:
  std::string path_;
};

/// One guest, reachable in all four ways: RAM [0, kRomStart), ROM up to kRomEnd, a hole, RAM [kHoleEnd,
/// kSpace) of the same block as the first. The RAM block stands in a file, at kFileOffset.
class BackendFixture : public ::testing::Test {
 protected:
  static constexpr std::uint64_t kRomStart = 0x300000, kRomEnd = 0x302000, kHoleEnd = 0x400000,
                                 kSpace = 0x600000;
  static constexpr std::uint64_t kFileOffset = 0x1000;
  static constexpr std::uint64_t kRamSize = kRomStart + (kSpace - kHoleEnd);

  BackendFixture() {
    fill(ram_.bytes(), 1);
    fill(rom_, 2);
    using guest::memory::MemoryRange;
    const auto at = [](const std::byte* p) { return guest::Hva{reinterpret_cast<std::uint64_t>(p)}; };
    std::byte* const ram = ram_.data() + kFileOffset;
    map_ = guest::memory::MemoryMap::create(
               {{guest::Gpa{0}, kRomStart, MemoryRange::Kind::ram, "pc.ram", 0, at(ram)},
                {guest::Gpa{kRomStart}, kRomEnd - kRomStart, MemoryRange::Kind::rom, "pc.rom", 0,
                 at(rom_.data())},
                {guest::Gpa{kHoleEnd}, kSpace - kHoleEnd, MemoryRange::Kind::ram, "pc.ram", kRomStart,
                 at(ram + kRomStart)}})
               .value();
    serve_pmemsave();
  }

  const guest::memory::MemoryMap& map() const { return map_; }

  static void fill(std::span<std::byte> bytes, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    for (std::size_t i = 0; i + 8 <= bytes.size(); i += 8) {
      const std::uint64_t value = random();
      std::memcpy(bytes.data() + i, &value, 8);
    }
  }

  /// The bytes that a read must give; false if it must fail.
  bool reference(guest::Gpa gpa, std::span<std::byte> into) const {
    while (!into.empty()) {
      const auto* range = map_.find(gpa);
      if (!range) return false;
      const std::size_t here = std::min<std::uint64_t>(into.size(), range->end() - gpa);
      std::memcpy(into.data(), reinterpret_cast<const std::byte*>(range->hva.value) + (gpa - range->start),
                  here);
      into = into.subspan(here);
      gpa = gpa + here;
    }
    return true;
  }

  std::unique_ptr<guest::memory::PhysicalMemory> process() {
    return guest::memory::open_process(map_, ::getpid()).value();
  }
  std::unique_ptr<guest::memory::PhysicalMemory> mapped() {
    return guest::memory::open_mapped(map_, {{"pc.ram", ram_.path(), kFileOffset}}, process()).value();
  }
  /// A gdbstub that answers as QEMU's does: zeros beyond RAM. It counts bursts.
  std::unique_ptr<guest::memory::PhysicalMemory> gdbstub() {
    return guest::memory::make_gdbstub_memory(
        map_, [this](std::span<guest::memory::ReadRequest> requests) -> Result<void> {
          ++bursts_;
          for (auto& request : requests) {
            std::fill(request.into.begin(), request.into.end(), std::byte{0});
            reference(request.gpa, request.into);
          }
          return {};
        });
  }
  std::unique_ptr<guest::memory::PhysicalMemory> qmp() {
    return guest::memory::make_qmp_memory(map_, monitor_, exchange_.path());
  }
  std::vector<std::unique_ptr<guest::memory::PhysicalMemory>> all() {
    std::vector<std::unique_ptr<guest::memory::PhysicalMemory>> backends;
    backends.push_back(mapped());
    backends.push_back(process());
    backends.push_back(gdbstub());
    backends.push_back(qmp());
    return backends;
  }

  /// pmemsave as QEMU does it: fopen(filename, "wb"), then the bytes.
  void serve_pmemsave() {
    monitor_.on("pmemsave", [this](const qmp::Json& arguments) -> Result<qmp::Json> {
      Bytes bytes(arguments.at("size").get<std::size_t>());
      if (!reference(guest::Gpa{arguments.at("val").get<std::uint64_t>()}, bytes)) touched_hole_ = true;
      std::ofstream file(arguments.at("filename").get<std::string>(), std::ios::binary);
      if (!file) return fail(Errc::peer_error, "GenericError: Could not open file");
      file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
      return qmp::Json::object();
    });
  }

  void TearDown() override {
    EXPECT_FALSE(touched_hole_) << "pmemsave was asked for MMIO";
    EXPECT_EQ(exchange_.files(), 0u) << "a file was left in the exchange directory";
  }

  TestFile ram_{kFileOffset + kRamSize};
  Bytes rom_ = Bytes(kRomEnd - kRomStart);
  TestFolder exchange_;
  FakeMonitor monitor_;
  int bursts_ = 0;
  bool touched_hole_ = false;

 private:
  guest::memory::MemoryMap map_;
};

}  // namespace ringside::testing
