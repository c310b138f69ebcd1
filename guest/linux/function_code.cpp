// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/function_code.h"

#include "guest/linux/symbol_extent.h"
#include "guest/x86/instruction.h"

#include <algorithm>

namespace ringside::guest::linux {

namespace {

void add(std::vector<Gva>& list, Gva gva) {
  if (std::find(list.begin(), list.end(), gva) == list.end()) list.push_back(gva);
}

}  // namespace

Result<Bytes> read_function(Kernel& kernel, Gva start, std::size_t most) {
  Bytes code(bytes_to_next_symbol(kernel, start, most));
  RINGSIDE_CHECK(kernel.space().read(start, code));
  return code;
}

Result<FunctionReferences> find_references(ByteView code, Gva start, bool long_mode) {
  RINGSIDE_TRY(auto disassembler, x86::Disassembler::create(long_mode));
  FunctionReferences found;
  const std::uint8_t pointer = long_mode ? 8 : 4;
  for (std::size_t at = 0; at < code.size();) {
    const auto instruction = disassembler.decode(code.subspan(at), start + at);
    if (!instruction || instruction->size == 0) {
      ++at;
      continue;
    }
    at += instruction->size;
    if (const auto target = instruction->target();
        target &&
        (instruction->operation == x86::Operation::call || *target < start || *target - start >= code.size()))
      add(found.calls, *target);
    for (const auto& operand : instruction->operands) {
      const bool indexes = operand.kind == x86::Operand::Kind::memory && !operand.other_base &&
                           !operand.segment && operand.reg == x86::Operand::kNone &&
                           operand.index != x86::Operand::kNone && operand.scale == pointer;
      if (indexes) add(found.indexed, Gva{long_mode ? operand.value : operand.value & 0xffffffff});
    }
  }
  return found;
}

}  // namespace ringside::guest::linux
