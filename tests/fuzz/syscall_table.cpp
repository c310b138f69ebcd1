// SPDX-License-Identifier: Apache-2.0
// Whatever code and table a kernel holds, reading its system calls ends, and what is given stays in bounds.

#include "guest/linux/function_code.h"
#include "guest/linux/syscalls.h"
#include "guest/x86/switch_code.h"
#include "tests/unit/support/fake_kernel.h"

#include <cstdint>
#include <cstdlib>
#include <span>

namespace {

using namespace ringside;
using guest::Gva;
namespace linux = guest::linux;

constexpr Gva kCode{0x400000}, kEntry{0x408000}, kTable{0x600000};
constexpr std::size_t kEntryBytes = 256, kTableBytes = 4096;

/// The first bytes are the entry code, then the table, then the switch.
void as_kernel(ByteView bytes, unsigned bits) {
  testing::FakeKernel kernel(bits);
  kernel.mutable_identity().text = {kCode, {0x500000}};
  kernel.mutable_identity().image = {kCode, {0x700000}};
  const auto take = [&](std::size_t most) {
    const auto part = bytes.first(std::min(most, bytes.size()));
    bytes = bytes.subspan(part.size());
    return part;
  };
  kernel.memory().write({kEntry.value}, take(kEntryBytes));
  kernel.memory().write({kTable.value}, take(kTableBytes));
  kernel.memory().write({kCode.value}, take(0x8000));
  kernel.define("x64_sys_call", kCode, 'T');
  kernel.define("ia32_sys_call", kCode, 'T');
  kernel.define("do_syscall_64", kEntry, 'T');
  kernel.define("do_int80_syscall_32", kEntry, 'T');
  kernel.define("__x64_sys_read", kEntry + kEntryBytes, 'T');
  if (bits == 64) kernel.define("sys_call_table", kTable);
  kernel.define("after_table", kTable + kTableBytes);
  for (const auto abi : {linux::SyscallAbi::x64, linux::SyscallAbi::ia32}) {
    const auto table = linux::read_syscalls(kernel, abi);
    if (!table) continue;
    if (table->entries.size() > linux::SyscallTable::kMaxEntries || table->problems.size() > 17) std::abort();
    for (const auto& call : table->entries)
      if (!call.real_handler && call.real_unknown.empty()) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > 0x10000) return 0;
  const auto bytes = std::as_bytes(std::span(data + 1, size - 1));
  const bool long_mode = (data[0] & 1) != 0;
  if ((data[0] & 2) != 0) {
    as_kernel(bytes, long_mode ? 64 : 32);
    return 0;
  }
  const auto references = linux::find_references(bytes, kCode, long_mode);
  if (!references || references->calls.size() > bytes.size()) std::abort();
  auto code = guest::x86::SwitchCode::create({bytes.begin(), bytes.end()}, kCode, long_mode, guest::x86::rsi);
  if (!code) return 0;
  for (const std::uint32_t value : {0u, 1u, 100u, 0xffffffffu}) {
    const auto target = code->target(value);
    if (target && kCode <= *target && *target - kCode < bytes.size()) std::abort();
  }
  return 0;
}
