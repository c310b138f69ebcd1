// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ringside::agent::doctor {

/// What QEMU's arguments say of it (qemu(1)).
struct QemuCommandLine {
  std::string name, uuid;
  std::vector<std::string> monitors;  ///< Unix sockets of QMP monitors
};

/// `arguments` as in /proc/PID/cmdline.
QemuCommandLine read_command_line(const std::vector<std::string>& arguments);

/// Whether the first argument is a system emulator's: qemu-system-*, qemu-kvm, kvm.
bool is_qemu(std::string_view program);

}  // namespace ringside::agent::doctor
