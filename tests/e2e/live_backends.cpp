// SPDX-License-Identifier: Apache-2.0
// The four ways to guest memory give the same bytes, and the MSRs are the same with and without a stop.
#include "base/io/event_loop.h"
#include "guest/live/live_guest.h"
#include "tests/lab/guest.h"

#include <gmock/gmock.h>

#include <regex>

namespace ringside::guest::live {
namespace {

AttachOptions options(const lab::Guest& guest, Backend backend = Backend::automatic) {
  AttachOptions attach;
  attach.endpoint = *io::parse_endpoint(guest.monitor_socket());
  attach.backend = backend;
  attach.state_directory = guest.folder().file("state");
  return attach;
}

/// Bytes at the start, the middle and the end of every range; across a page border too.
Bytes sample(memory::PhysicalMemory& memory) {
  Bytes all;
  for (const memory::MemoryRange& range : memory.map().ranges())
    for (const std::uint64_t offset : {std::uint64_t{0}, range.size / 2 - 100, range.size - 300}) {
      Bytes piece(300);
      const auto read = memory.read(range.start + offset, piece);
      EXPECT_TRUE(read) << to_string(range.start + offset) << ": " << read.error().message;
      all.insert(all.end(), piece.begin(), piece.end());
    }
  return all;
}

class SameBytes : public ::testing::TestWithParam<lab::Ram> {};
TEST_P(SameBytes, WhateverTheBackend) {
  auto guest = lab::Guest::boot({.ram = GetParam()});
  RINGSIDE_REQUIRE_GUEST(guest);
  ASSERT_TRUE((*guest)->qmp().execute("stop").has_value());
  std::vector<Backend> backends{Backend::process, Backend::gdbstub, Backend::qmp};
  if (GetParam() != lab::Ram::anonymous) backends.push_back(Backend::mapped);
  Bytes first;
  for (const Backend backend : backends) {
    io::EventLoop loop;
    auto live = LiveGuest::attach(loop, options(**guest, backend));
    ASSERT_TRUE(live) << live.error().message;
    EXPECT_EQ((*live)->qemu_pid(), (*guest)->pid());
    const Bytes bytes = sample((*live)->memory());
    if (first.empty()) first = bytes;
    EXPECT_EQ(bytes, first) << (*live)->memory().backend();
  }
  EXPECT_NE(std::count(first.begin(), first.end(), std::byte{0}), static_cast<std::ptrdiff_t>(first.size()));
}
INSTANTIATE_TEST_SUITE_P(Ram, SameBytes,
                         ::testing::Values(lab::Ram::anonymous, lab::Ram::memfd, lab::Ram::file));

TEST(LiveBackends, TheBestIsChosenAndTheOthersExplained) {
  auto guest = lab::Guest::boot();
  RINGSIDE_REQUIRE_GUEST(guest);
  io::EventLoop loop;
  {
    auto live = LiveGuest::attach(loop, options(**guest));
    ASSERT_TRUE(live) << live.error().message;
    EXPECT_EQ((*live)->memory().backend(), "process");
    EXPECT_THAT((*live)->backend_notes(), ::testing::ElementsAre(::testing::StartsWith("mapped: ")));
  }
  const auto forced = LiveGuest::attach(loop, options(**guest, Backend::mapped));
  ASSERT_FALSE(forced);
  EXPECT_EQ(forced.error().code, Errc::unsupported);
  EXPECT_NE(forced.error().hint, "");
}

/// A monitor over TCP tells nothing of QEMU's process.
TEST(LiveBackends, WhatStopsTheGuestIsTheLastResort) {
  auto guest = lab::Guest::boot({.extra = {"-qmp", "tcp:127.0.0.1:0,server=on,wait=off"}});
  RINGSIDE_REQUIRE_GUEST(guest);
  const auto devices = (*guest)->qmp().execute("query-chardev");
  ASSERT_TRUE(devices.has_value()) << devices.error().message;
  std::string port;
  for (const auto& device : *devices) {
    const std::string name = device.value("filename", "");
    static const std::regex tcp("tcp:127\\.0\\.0\\.1:([0-9]+),.*");
    std::smatch match;
    if (const auto at = name.find("tcp:"); at != std::string::npos) {
      const std::string address = name.substr(at);
      if (std::regex_match(address, match, tcp)) port = match[1];
    }
  }
  ASSERT_NE(port, "") << devices->dump();
  AttachOptions remote = options(**guest);
  remote.endpoint = *io::parse_endpoint("tcp:127.0.0.1:" + port);
  io::EventLoop loop;
  (*guest)->qmp().clear_events();
  auto live = LiveGuest::attach(loop, remote);
  ASSERT_TRUE(live) << live.error().message;
  EXPECT_EQ((*live)->qemu_pid(), std::nullopt);
  EXPECT_EQ((*live)->memory().backend(), "qmp");
  EXPECT_FALSE(sample((*live)->memory()).empty());
  EXPECT_EQ((*guest)->qmp().count("STOP"), 0u);
}

TEST(LiveMsrs, CalibratedOnesEqualTheDeviceStatesAndStopNothing) {
  auto guest = lab::Guest::boot({.smp = 2});
  RINGSIDE_REQUIRE_GUEST(guest);
  std::vector<x86::CpuState> saved;
  {
    io::EventLoop loop;
    auto live = LiveGuest::attach(loop, options(**guest));
    ASSERT_TRUE(live) << live.error().message;
    const auto from_state = (*live)->read_cpus(MsrSource::vmstate);
    ASSERT_TRUE(from_state) << from_state.error().message;
    saved = *from_state;
    ASSERT_EQ(saved.size(), 2u);
    const auto calibrated = (*live)->read_cpus(MsrSource::calibrated);  // learns, in a freeze window
    ASSERT_TRUE(calibrated) << calibrated.error().message;
  }
  // Another attach, as a short-lived command makes it, remembers.
  io::EventLoop loop;
  auto live = LiveGuest::attach(loop, options(**guest));
  ASSERT_TRUE(live) << live.error().message;
  (*guest)->qmp().clear_events();
  for (int i = 0; i < 20; ++i) {
    const auto cpus = (*live)->read_cpus(MsrSource::calibrated);
    ASSERT_TRUE(cpus) << cpus.error().message;
    ASSERT_EQ(cpus->size(), 2u);
    for (std::size_t n = 0; n < 2; ++n) {
      x86::Msrs expected = *saved[n].msrs, now = *(*cpus)[n].msrs;
      expected.kernel_gs_base = now.kernel_gs_base = 0;  // changes with the running task
      EXPECT_EQ(now, expected);
      EXPECT_EQ(now.star, 0x0023001000000000u);  // Linux: __KERNEL_CS, __USER32_CS
    }
  }
  EXPECT_EQ((*guest)->qmp().count("STOP"), 0u);
}

}  // namespace
}  // namespace ringside::guest::live
