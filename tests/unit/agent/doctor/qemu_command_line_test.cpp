// SPDX-License-Identifier: Apache-2.0
#include "agent/doctor/qemu_command_line.h"

#include <gmock/gmock.h>

namespace ringside::agent::doctor {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(QemuCommandLine, FindsMonitorsHoweverTheyAreWritten) {
  const auto line = read_command_line(
      {"qemu-system-x86_64", "-name", "web1", "-qmp", "unix:/run/a.qmp,server=on,wait=off", "--qmp-pretty",
       "unix:/run/b.qmp", "-chardev", "socket,id=c,path=/run/c,,1.sock,server=on", "-mon",
       "chardev=c,mode=control", "-qmp", "tcp:localhost:4444"});
  EXPECT_EQ(line.name, "web1");
  EXPECT_THAT(line.monitors, ElementsAre("/run/a.qmp", "/run/b.qmp", "/run/c,1.sock"));
}

TEST(QemuCommandLine, AMonitorForPeopleIsNone) {
  const auto line =
      read_command_line({"qemu-system-x86_64", "-chardev", "socket,id=c,path=/run/c.sock", "-mon",
                         "chardev=c,mode=readline", "-monitor", "unix:/run/d.sock", "-qmp"});
  EXPECT_THAT(line.monitors, IsEmpty());
}

TEST(QemuCommandLine, ReadsWhatLibvirtWrites) {
  const auto line = read_command_line(
      {"/usr/bin/qemu-system-x86_64", "-name", "guest=lab guest,debug-threads=on", "-uuid",
       "11111111-2222-3333-4444-555555555555", "-chardev", "socket,id=charmonitor,fd=25,server=on,wait=off",
       "-mon", "chardev=charmonitor,id=monitor,mode=control"});
  EXPECT_EQ(line.name, "lab guest");
  EXPECT_EQ(line.uuid, "11111111-2222-3333-4444-555555555555");
  EXPECT_THAT(line.monitors, IsEmpty());
}

TEST(QemuCommandLine, KnowsTheNamesOfTheEmulator) {
  EXPECT_TRUE(is_qemu("/usr/bin/qemu-system-x86_64"));
  EXPECT_TRUE(is_qemu("/usr/libexec/qemu-kvm"));
  EXPECT_TRUE(is_qemu("/usr/bin/kvm"));
  EXPECT_FALSE(is_qemu("/usr/bin/qemu-img"));
  EXPECT_FALSE(is_qemu("vim qemu-system-x86_64"));
}

}  // namespace
}  // namespace ringside::agent::doctor
