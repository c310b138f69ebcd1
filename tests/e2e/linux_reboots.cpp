// SPDX-License-Identifier: Apache-2.0
// One attachment through the lives of a machine: a kernel, a reset, the same kernel elsewhere, and another
// kernel that it starts by kexec. Nothing of an earlier life may be taken for the present one.
#include "tests/e2e/support/rows.h"
#include "tests/e2e/support/sight.h"

#include <gmock/gmock.h>

namespace ringside::lab {
namespace {

using testing::HasSubstr;

constexpr const char* kFirst = "6.12-cloud";
constexpr const char* kSecond = "sid-cloud";

std::string drive(const std::string& id, const std::string& file) {
  return "file=" + file + ",if=none,format=raw,readonly=on,id=" + id;
}

/// A guest with a second kernel and its initramfs on the disks vdb and vdc.
Result<std::unique_ptr<Guest>> boot_with_second_kernel() {
  Options options;
  options.kernel = kFirst;
  options.modules = true;
  options.ram = Ram::memfd;
  options.memory = "768M";
  options.ready_deadline = std::chrono::minutes(6);
  RINGSIDE_TRY(const std::string kernel, lab_script({"fetch-kernel", kSecond}));
  RINGSIDE_TRY(const std::string initramfs, lab_script({"make-initramfs", "--modules", kSecond}));
  options.extra = {"-drive", drive("kernel", kernel),       "-device", "virtio-blk-pci,drive=kernel",
                   "-drive", drive("initramfs", initramfs), "-device", "virtio-blk-pci,drive=initramfs"};
  return Guest::boot(options);
}

void wait_for_shell(Guest& guest) {
  const auto ready = guest.console().read_until("RINGSIDE LAB READY", std::chrono::minutes(6));
  ASSERT_TRUE(ready.has_value()) << ready.error().message;
}

Rows ask(guest::live::LiveGuest& live, const std::string& sql) {
  const auto snapshot = live.snapshot(guest::live::MsrSource::none);
  EXPECT_TRUE(snapshot.has_value());
  if (!snapshot) return {};
  const auto database = policies::Database::create();
  EXPECT_TRUE(database.has_value());
  if (!database) return {};
  (*database)->bind(snapshot->get());
  return select(**database, sql);
}

TEST(LinuxReboots, OneAttachmentFollowsResetAndKexec) {
  auto booted = boot_with_second_kernel();
  RINGSIDE_REQUIRE_GUEST(booted);
  Guest& guest = **booted;
  const auto attached = attach(guest);
  ASSERT_TRUE(attached.has_value()) << attached.error().message;
  auto& live = *(*attached)->live;

  expect_right(Truth(guest), look(live));
  EXPECT_EQ(ask(live, "SELECT boot_loader FROM kernel"), Rows{"QEMU"});

  // At the reset vector RAM still holds the kernel; the vCPU says that it does not run.
  ASSERT_TRUE(guest.qmp().execute("stop").has_value());
  ASSERT_TRUE(guest.qmp().execute("system_reset").has_value());
  const Sight reset = look(live);
  ASSERT_TRUE(reset.error.has_value());
  EXPECT_EQ(reset.error->code, Errc::unavailable);
  EXPECT_THAT(reset.error->message, HasSubstr("has just been reset"));
  ASSERT_TRUE(guest.qmp().execute("cont").has_value());

  ASSERT_NO_FATAL_FAILURE(wait_for_shell(guest));
  expect_right(Truth(guest), look(live));

  guest.run("cat /dev/vdb >/tmp/kernel; cat /dev/vdc >/tmp/initramfs");
  guest.run("(sleep 1; lab kexec /tmp/kernel /tmp/initramfs \"$(cat /proc/cmdline)\") &");
  ASSERT_NO_FATAL_FAILURE(wait_for_shell(guest));
  const Truth second(guest);
  expect_right(second, look(live));
  EXPECT_EQ(ask(live, "SELECT release, boot_loader FROM kernel"), Rows{join({second.release, "kexec"})});
  // A newcomer's first look sees the same.
  (*attached)->live.reset();
  expect_right(second, look(guest));
}

}  // namespace
}  // namespace ringside::lab
