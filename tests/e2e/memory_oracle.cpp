// SPDX-License-Identifier: Apache-2.0
// Guest-physical memory by every backend, and memory maps of machines with more than one piece of RAM.
#include "tests/e2e/support/attached.h"
#include "tests/e2e/support/monitor_text.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <thread>

namespace ringside::lab {
namespace {

using guest::Gpa;
using guest::live::Backend;
using guest::memory::MemoryMap;
using guest::memory::MemoryRange;

/// What QEMU says stands at `gpa`.
std::vector<std::uint8_t> oracle_bytes(Guest& guest, std::uint64_t gpa, unsigned count) {
  return parse_byte_dump(guest.qmp().hmp(fmt::format("xp /{}bx {:#x}", count, gpa)));
}

Bytes read(Attached& attached, std::uint64_t gpa, std::size_t size) {
  Bytes bytes(size);
  const auto result = attached.live->memory().read(Gpa{gpa}, bytes);
  EXPECT_TRUE(result.has_value()) << result.error().message;
  return bytes;
}

void expect_equals_qemu(Guest& guest, Attached& attached, std::uint64_t gpa) {
  const Bytes ours = read(attached, gpa, 64);
  const std::vector<std::uint8_t> theirs = oracle_bytes(guest, gpa, 64);
  ASSERT_EQ(theirs.size(), ours.size());
  EXPECT_TRUE(std::equal(ours.begin(), ours.end(), theirs.begin(), [](std::byte a, std::uint8_t b) {
    return std::to_integer<std::uint8_t>(a) == b;
  })) << fmt::format("at {:#x}", gpa);
}

/// Both ends of every range and random places in between.
void expect_map_equals_qemu(Guest& guest, Attached& attached) {
  std::mt19937_64 random(7);
  for (const MemoryRange& range : attached.live->memory().map().ranges()) {
    if (range.size < 64) continue;
    expect_equals_qemu(guest, attached, range.start.value);
    expect_equals_qemu(guest, attached, range.end().value - 64);
    for (int i = 0; i < 100; ++i)
      expect_equals_qemu(guest, attached, range.start.value + random() % (range.size - 63));
  }
}

std::uint64_t block_size(const MemoryMap& map, const std::string& block) {
  std::uint64_t size = 0;
  for (const MemoryRange& range : map.ranges())
    if (range.block == block && range.kind == MemoryRange::Kind::ram) size += range.size;
  return size;
}

void pause(Guest& guest) {
  ASSERT_TRUE(guest.qmp().execute("stop").has_value());
}

class Backends : public testing::TestWithParam<Ram> {};

TEST_P(Backends, AllReadTheSameBytes) {
  Options options;
  options.ram = GetParam();
  auto booted = Guest::boot(options);
  RINGSIDE_REQUIRE_GUEST(booted);
  Guest& guest = **booted;
  pause(guest);

  struct Place {
    std::uint64_t gpa;
    std::size_t size;
  };
  std::vector<Place> places;
  std::vector<Bytes> first;
  for (const Backend backend : {Backend::process, Backend::mapped, Backend::gdbstub, Backend::qmp}) {
    if (backend == Backend::mapped && GetParam() == Ram::anonymous) continue;  // there is nothing to map
    // One at a time: a monitor serves one client.
    auto attached = attach(guest, backend);
    ASSERT_TRUE(attached.has_value()) << attached.error().message;
    const MemoryMap& map = (*attached)->live->memory().map();
    if (places.empty()) {
      std::mt19937_64 random(11);
      for (int i = 0; i < 400; ++i) {
        const MemoryRange& range =
            i % 4 == 0 ? map.ranges()[random() % map.ranges().size()] : *map.find(Gpa{0x100000});
        const std::size_t size = 1 + random() % std::min<std::uint64_t>(range.size, 9000);
        places.push_back({range.start.value + random() % (range.size - size + 1), size});
      }
      expect_map_equals_qemu(guest, **attached);
    }
    for (std::size_t i = 0; i < places.size(); ++i) {
      Bytes bytes = read(**attached, places[i].gpa, places[i].size);
      if (first.size() < places.size())
        first.push_back(std::move(bytes));
      else
        ASSERT_EQ(bytes, first[i]) << (*attached)->live->memory().backend()
                                   << fmt::format(" at {:#x}", places[i].gpa);
    }
    attached->reset();
    EXPECT_EQ(guest.qmp().status(), "paused") << "the run state is given back";
  }
}

TEST_P(Backends, AutomaticChoiceIsTheBestThatWorks) {
  Options options;
  options.ram = GetParam();
  auto booted = Guest::boot(options);
  RINGSIDE_REQUIRE_GUEST(booted);
  auto attached = attach(**booted);
  ASSERT_TRUE(attached.has_value()) << attached.error().message;
  EXPECT_EQ((*attached)->live->memory().backend(), GetParam() == Ram::anonymous ? "process" : "mapped");
  EXPECT_FALSE((*attached)->live->memory().stops_guest());
}

INSTANTIATE_TEST_SUITE_P(Ram, Backends, testing::Values(Ram::anonymous, Ram::memfd, Ram::file),
                         [](const auto& test) {
                           return test.param == Ram::anonymous ? "Anonymous"
                                  : test.param == Ram::memfd   ? "Memfd"
                                                               : "File";
                         });

TEST(MemoryMaps, RamAboveTheHoleBelow4GiB) {
  Options options;
  options.memory = "5G";
  options.ram = Ram::memfd;
  auto booted = Guest::boot(options);
  RINGSIDE_REQUIRE_GUEST(booted);
  pause(**booted);
  auto attached = attach(**booted);
  ASSERT_TRUE(attached.has_value()) << attached.error().message;
  auto& memory = (*attached)->live->memory();
  EXPECT_NE(memory.map().find(Gpa{0x1'0000'0000}), nullptr);
  EXPECT_EQ(memory.map().find(Gpa{0xfee0'0000}), nullptr) << "the local APIC is no memory";
  EXPECT_EQ(memory.map().find(Gpa{0x2'0000'0000}), nullptr);
  std::byte byte{};
  const auto mmio = memory.read(Gpa{0xfee0'0000}, std::span(&byte, 1));
  ASSERT_FALSE(mmio.has_value());
  EXPECT_EQ(mmio.error().code, Errc::not_ram);
  expect_map_equals_qemu(**booted, **attached);
}

TEST(MemoryMaps, TwoNumaNodesWithBackendsOfTwoKinds) {
  Options options;
  options.ram = Ram::custom;
  options.smp = 2;
  options.extra = {"-object", "memory-backend-memfd,id=near,size=128M,share=on",
                   "-object", "memory-backend-ram,id=far,size=128M",
                   "-numa",   "node,nodeid=0,cpus=0,memdev=near",
                   "-numa",   "node,nodeid=1,cpus=1,memdev=far"};
  auto booted = Guest::boot(options);
  RINGSIDE_REQUIRE_GUEST(booted);
  pause(**booted);
  for (const Backend backend : {Backend::automatic, Backend::process}) {
    auto attached = attach(**booted, backend);
    ASSERT_TRUE(attached.has_value()) << attached.error().message;
    EXPECT_GE(block_size((*attached)->live->memory().map(), "near"), 127u << 20);
    EXPECT_EQ(block_size((*attached)->live->memory().map(), "far"), 128u << 20);
    expect_map_equals_qemu(**booted, **attached);
  }
}

TEST(MemoryMaps, HotPluggedDimmIsReadAfterARefresh) {
  Options options;
  options.memory = "256M,slots=2,maxmem=1G";
  auto booted = Guest::boot(options);
  RINGSIDE_REQUIRE_GUEST(booted);
  Guest& guest = **booted;
  auto attached = attach(guest);
  ASSERT_TRUE(attached.has_value()) << attached.error().message;
  auto& memory = (*attached)->live->memory();
  EXPECT_EQ(block_size(memory.map(), "dimm"), 0u);

  ASSERT_TRUE(
      guest.qmp()
          .execute(
              "object-add",
              {{"qom-type", "memory-backend-memfd"}, {"id", "dimm"}, {"size", 128u << 20}, {"share", true}})
          .has_value());
  const auto plugged =
      guest.qmp().execute("device_add", {{"driver", "pc-dimm"}, {"id", "dimm0"}, {"memdev", "dimm"}});
  ASSERT_TRUE(plugged.has_value()) << plugged.error().message;
  const auto refreshed = (*attached)->live->refresh_map();
  ASSERT_TRUE(refreshed.has_value()) << refreshed.error().message;
  auto& grown = (*attached)->live->memory();
  EXPECT_EQ(block_size(grown.map(), "dimm"), 128u << 20);
  pause(guest);
  expect_map_equals_qemu(guest, **attached);
}

TEST(MemoryMaps, QemuKilledWhileReadingIsAnErrorOfThatRead) {
  for (const Backend backend : {Backend::process, Backend::mapped, Backend::gdbstub, Backend::qmp}) {
    Options options;
    options.ram = Ram::memfd;
    options.append = "ringside.load";
    auto booted = Guest::boot(options);
    RINGSIDE_REQUIRE_GUEST(booted);
    auto attached = attach(**booted, backend);
    ASSERT_TRUE(attached.has_value()) << attached.error().message;
    auto& memory = (*attached)->live->memory();
    std::jthread killer([pid = (*booted)->pid()] {
      std::this_thread::sleep_for(std::chrono::milliseconds(300));
      ::kill(pid, SIGKILL);
    });
    Bytes bytes(1u << 20);
    std::optional<Error> error;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!error && std::chrono::steady_clock::now() < end) {
      const auto result = memory.read(Gpa{0x100'0000}, bytes);
      if (!result) error = result.error();
      // A mapping outlives its QEMU; that it ended shows in the monitor.
      if (backend == Backend::mapped && !(*attached)->live->monitor().connected()) {
        const auto snapshot = (*attached)->live->snapshot();
        ASSERT_FALSE(snapshot.has_value());
        error = snapshot.error();
      }
    }
    ASSERT_TRUE(error.has_value()) << "reading goes on after QEMU ended";
    EXPECT_TRUE(error->code == Errc::gone || error->code == Errc::closed) << to_string(error->code);
    EXPECT_EQ(error->message.find('\n'), std::string::npos) << error->message;
  }
}

}  // namespace
}  // namespace ringside::lab
