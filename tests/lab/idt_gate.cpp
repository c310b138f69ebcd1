// SPDX-License-Identifier: Apache-2.0
#include "tests/lab/idt_gate.h"

#include "tests/lab/guest.h"

#include <fmt/format.h>
#include <sys/uio.h>

#include <regex>
#include <stdexcept>

namespace ringside::lab {
namespace {

constexpr unsigned kGate = 31, kGateSize = 16;

std::uint64_t number_in(const std::string& text, const char* pattern) {
  std::smatch match;
  if (!std::regex_search(text, match, std::regex(pattern)))
    throw std::runtime_error("unexpected answer: " + text);
  return std::stoull(match[1], nullptr, 16);
}

}  // namespace

IdtGate IdtGate::of(Guest& guest) {
  return find(guest.pid(), [&guest](const std::string& line) { return guest.qmp().hmp(line, 0); });
}

IdtGate IdtGate::find(pid_t qemu, const std::function<std::string(const std::string&)>& hmp) {
  const std::uint64_t idt = number_in(hmp("info registers"), "IDT= *([0-9a-f]+)");
  const std::uint64_t gpa =
      number_in(hmp(fmt::format("gva2gpa {:#x}", idt + kGate * kGateSize)), "gpa: *(0x[0-9a-f]+)");
  return {qemu, number_in(hmp(fmt::format("gpa2hva {:#x}", gpa)), "is 0x([0-9a-f]+)")};
}

void IdtGate::flip() const {
  char bytes[2] = {};
  const iovec local{bytes, sizeof bytes}, remote{reinterpret_cast<void*>(hva), sizeof bytes};
  if (process_vm_readv(qemu, &local, 1, &remote, 1, 0) != sizeof bytes)
    throw std::runtime_error("cannot read the guest's memory");
  for (char& byte : bytes) byte = static_cast<char>(byte ^ 0x55);
  if (process_vm_writev(qemu, &local, 1, &remote, 1, 0) != sizeof bytes)
    throw std::runtime_error("cannot write to the guest's memory");
}

}  // namespace ringside::lab
