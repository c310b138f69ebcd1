// SPDX-License-Identifier: Apache-2.0
// A guest under KVM: everything that stands between QEMU and the CPU differs from TCG there.
#include "tests/lab/kvm.h"

#include "guest/descriptor_tables.h"
#include "tests/e2e/support/attached.h"
#include "tests/e2e/support/monitor_text.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

namespace ringside::lab {
namespace {

using guest::Gva;
using guest::live::Backend;
using guest::live::MsrSource;

/// One test, because a kernel lives for a minute only where KVM emulates it: the order is that of its life.
TEST(Kvm, LookingAtAGuestFromItsBootToItsEnd) {
  auto booted = boot_under_kvm();
  RINGSIDE_REQUIRE_GUEST(booted);
  Guest& guest = **booted;
  const auto still_running = [&] { return guest.qmp().status() == "running"; };

  {
    SCOPED_TRACE("attach, registers, MSRs");
    auto attached = attach(guest);
    ASSERT_TRUE(attached.has_value()) << attached.error().message;
    auto& live = *(*attached)->live;
    auto snapshot = live.snapshot(MsrSource::vmstate);
    ASSERT_TRUE(snapshot.has_value()) << snapshot.error().message;
    EXPECT_EQ((*snapshot)->info().accelerator, "kvm");
    const auto cpus = (*snapshot)->cpus(guest::RegisterGroups::msrs);
    ASSERT_EQ(cpus.size(), 1u);
    ASSERT_TRUE(cpus[0].msrs.has_value()) << cpus[0].msrs_unknown;
    EXPECT_EQ(cpus[0].msrs->star, 0x0023001000000000u);
    EXPECT_EQ(cpus[0].msrs->lstar >> 32, 0xffffffffu);
    const auto calibrated = live.read_cpus(MsrSource::automatic);
    ASSERT_TRUE(calibrated.has_value()) << calibrated.error().message;
    ASSERT_TRUE(calibrated->at(0).msrs.has_value()) << calibrated->at(0).msrs_unknown;
    EXPECT_EQ(calibrated->at(0).msrs->lstar, cpus[0].msrs->lstar);

    SCOPED_TRACE("page walk and tables");
    guest::AddressSpace space(**snapshot, guest::x86::PagingRoot::of(cpus[0]));
    const auto idt = guest::read_idt(space, cpus[0]);
    EXPECT_TRUE(idt.unreadable.empty());
    ASSERT_EQ(idt.entries.size(), 256u);
    EXPECT_EQ(idt.entries[14].entry.handler >> 32, 0xffffffffu);
    EXPECT_TRUE(guest::read_gdt(space, cpus[0]).unreadable.empty());
    for (const Gva gva :
         {cpus[0].idt.base, cpus[0].gdt.base, Gva{idt.entries[14].entry.handler}, Gva{0x1000}}) {
      const auto ours = space.translate(gva);
      const auto theirs = parse_gva2gpa(guest.qmp().hmp(fmt::format("gva2gpa {:#x}", gva.value)));
      ASSERT_EQ(ours.has_value(), theirs.has_value()) << to_string(gva);
      if (ours) {
        EXPECT_EQ(ours->value, *theirs) << to_string(gva);
      }
    }
  }

  {
    SCOPED_TRACE("all backends");
    Bytes first;
    for (const Backend backend : {Backend::mapped, Backend::process, Backend::qmp, Backend::gdbstub}) {
      auto attached = attach(guest, backend);
      ASSERT_TRUE(attached.has_value()) << attached.error().message;
      // Kernel text read-only data: the page of the IDT, which does not change any more.
      auto snapshot = (*attached)->live->snapshot(MsrSource::none);
      ASSERT_TRUE(snapshot.has_value()) << snapshot.error().message;
      const auto cpu = (*snapshot)->cpus(guest::RegisterGroups::root).at(0);
      guest::AddressSpace space(**snapshot, guest::x86::PagingRoot::of(cpu));
      Bytes bytes(4096);
      const auto read = space.read(cpu.idt.base, bytes);
      ASSERT_TRUE(read.has_value()) << read.error().message;
      if (first.empty()) first = bytes;
      EXPECT_EQ(bytes, first) << (*attached)->live->memory().backend();
    }
  }

  if (still_running()) {
    SCOPED_TRACE("a freeze window");
    auto attached = attach(guest);
    ASSERT_TRUE(attached.has_value()) << attached.error().message;
    auto window = (*attached)->live->freeze();
    ASSERT_TRUE(window.has_value()) << window.error().message;
    EXPECT_EQ(guest.qmp().status(), "paused");
    const auto stub = (*window)->attach_gdbstub();
    ASSERT_TRUE(stub.has_value()) << stub.error().message;
    const auto registers = (*stub)->registers(0);
    ASSERT_TRUE(registers.has_value()) << registers.error().message;
    EXPECT_TRUE(registers->contains("rip"));
    ASSERT_TRUE((*window)->close().has_value());
    EXPECT_NE(guest.qmp().status(), "paused") << "the window gives the guest back";
  }

  SCOPED_TRACE("its end");
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(240);
  while (still_running() && std::chrono::steady_clock::now() < end)
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
  if (still_running())
    GTEST_SKIP() << "KVM here runs the kernel on, so there is no internal-error to look at";
  ASSERT_EQ(guest.qmp().status(), "internal-error") << guest.log();
  auto attached = attach(guest);
  ASSERT_TRUE(attached.has_value()) << attached.error().message;
  auto snapshot = (*attached)->live->snapshot(MsrSource::none);
  ASSERT_TRUE(snapshot.has_value()) << snapshot.error().message;
  EXPECT_EQ((*snapshot)->info().status, "internal-error");
  auto window = (*attached)->live->freeze();
  ASSERT_TRUE(window.has_value()) << window.error().message;
  EXPECT_FALSE((*window)->was_running());
  EXPECT_TRUE((*window)->close().has_value());
  EXPECT_EQ(guest.qmp().status(), "internal-error") << "a guest that was not running is left as it was";
}

}  // namespace
}  // namespace ringside::lab
