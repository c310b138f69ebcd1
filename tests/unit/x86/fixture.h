// SPDX-License-Identifier: Apache-2.0
// Files in data/: captured from QEMU 7.2 under TCG, stopped between the two captures of a pair.
//   linux64-smp2  Debian's 6.1 cloud kernel, two idle vCPUs (CRLF as the monitor sends it)
//   bios32-smp2   qemu-system-i386 in SeaBIOS: CPU 0 in real mode, CPU 1 in protected mode (LF)
//   linux32-smp2  qemu-system-i386 with Debian's 6.1 kernel of 32 bits, two idle vCPUs
//   reset64       qemu-system-x86_64 before its first instruction
#pragma once

#include <fstream>
#include <iterator>
#include <string>

namespace ringside::guest::x86 {

inline std::string fixture(const std::string& name) {
  std::ifstream file(std::string(RINGSIDE_SOURCE_DIR) + "/tests/unit/x86/data/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace ringside::guest::x86
