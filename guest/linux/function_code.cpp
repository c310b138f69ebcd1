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

void add(std::vector<IndexedTable>& list, const IndexedTable& table) {
  const auto same =
      std::find_if(list.begin(), list.end(), [&](const auto& one) { return one.base == table.base; });
  if (same == list.end()) list.push_back(table);
}

/// The limit that code last held a number against: what a comparison with a constant means is told by the
/// instruction that uses its flags.
class Limit {
 public:
  void follow(const x86::Instruction& instruction) {
    using x86::Condition;
    if (instruction.operation == x86::Operation::compare) {
      const auto& [number, constant] = instruction.operands;
      compared_.reset();
      if (number.kind == x86::Operand::Kind::reg && constant.kind == x86::Operand::Kind::immediate)
        compared_ = static_cast<std::uint32_t>(constant.value);
      return;
    }
    if (!compared_) return;
    if (instruction.operation == x86::Operation::conditional_jump) {
      // The flags hold still: array_index_nospec compares with the same limit once more, or uses these.
      if (instruction.condition == Condition::above || instruction.condition == Condition::not_above)
        count_ = *compared_ + 1;
      if (instruction.condition == Condition::below || instruction.condition == Condition::not_below)
        count_ = *compared_;
    } else if (instruction.mnemonic == "sbb") {
      count_ = *compared_;
    }
    if (instruction.writes_flags) compared_.reset();
  }
  std::optional<std::uint32_t> count() const { return count_; }

 private:
  std::optional<std::uint32_t> compared_, count_;
};

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
  Limit limit;
  for (std::size_t at = 0; at < code.size();) {
    const auto instruction = disassembler.decode(code.subspan(at), start + at);
    if (!instruction || instruction->size == 0) {
      ++at;
      continue;
    }
    at += instruction->size;
    limit.follow(*instruction);
    if (const auto target = instruction->target();
        target &&
        (instruction->operation == x86::Operation::call || *target < start || *target - start >= code.size()))
      add(found.calls, *target);
    for (const auto& operand : instruction->operands) {
      const bool indexes = operand.kind == x86::Operand::Kind::memory && !operand.other_base &&
                           !operand.segment && operand.reg == x86::Operand::kNone &&
                           operand.index != x86::Operand::kNone && operand.scale == pointer;
      const Gva base{long_mode ? operand.value : operand.value & 0xffffffff};
      if (indexes) add(found.indexed, IndexedTable{base, limit.count()});
    }
  }
  return found;
}

}  // namespace ringside::guest::linux
