// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/golden/apply_alternative.h"

#include "guest/linux/golden/branches.h"

#include <algorithm>

namespace ringside::guest::linux {

namespace {

using x86::Disassembler;
using x86::Instruction;
using x86::Operation;

/// Up to 6.2: runs of one-byte NOPs become longer ones, anywhere.
void merge_single_nops(Disassembler& disassembler, std::uint64_t at, std::span<std::byte> code,
                       const NopStyle& style) {
  for (std::size_t i = 0; i < code.size();) {
    if (code[i] == kNop) {
      const auto end = std::find_if(code.begin() + static_cast<std::ptrdiff_t>(i), code.end(),
                                    [](std::byte one) { return one != kNop; });
      const auto run = code.subspan(i, static_cast<std::size_t>(end - code.begin()) - i);
      if (run.size() > 1) style.fill(run);
      i += run.size();
      continue;
    }
    const auto instruction = disassembler.decode(code.subspan(i), Gva{at + i});
    if (!instruction) return;
    i += instruction->size;
  }
}

/// insn_is_nop(): 90 with any prefix but F3, and 0F 1F.
bool is_nop(ByteView code) {
  std::size_t i = 0;
  while (i < code.size() && (code[i] == std::byte{0x66} || code[i] == std::byte{0x2e})) ++i;
  if (i < code.size() && (code[i] & std::byte{0xf0}) == std::byte{0x40}) ++i;  // REX
  if (i < code.size() && code[i] == kNop) return true;
  return i + 1 < code.size() && code[i] == std::byte{0x0f} && code[i + 1] == std::byte{0x1f};
}

/// From 6.3 on: neighbouring NOPs of any length become one, with a jump before them that only skips them.
class NopMerger {
 public:
  NopMerger(Disassembler& disassembler, const NopStyle& style) : disassembler_(disassembler), style_(style) {}

  /// Looks at the instruction at code[i], which is `instruction`. Returns where to go on if it was a NOP.
  std::optional<std::size_t> step(std::span<std::byte> code, std::size_t i, const Instruction& instruction,
                                  std::uint64_t at) {
    std::size_t next = i + instruction.size;
    if (code[i] == kShortJump || code[i] == kJump) {
      jump_ = i;
      target_ = instruction.target() ? instruction.target()->value - at : 0;
      return std::nullopt;
    }
    if (!is_nop(code.subspan(i, instruction.size))) {
      target_ = 0;
      return std::nullopt;
    }
    while (next < code.size()) {
      const auto following = disassembler_.decode(code.subspan(next), Gva{at + next});
      if (!following || !is_nop(code.subspan(next, following->size))) break;
      next += following->size;
    }
    const std::size_t first = target_ != 0 && target_ == next ? jump_ : i;
    style_.fill(code.subspan(first, next - first));
    return next;
  }

 private:
  Disassembler& disassembler_;
  const NopStyle& style_;
  std::size_t jump_ = 0;
  std::uint64_t target_ = 0;
};

void merge_nops(Disassembler& disassembler, std::uint64_t at, std::span<std::byte> code,
                const NopStyle& style) {
  NopMerger merger(disassembler, style);
  for (std::size_t i = 0; i < code.size();) {
    const auto instruction = disassembler.decode(code.subspan(i), Gva{at + i});
    if (!instruction) return;
    i = merger.step(code, i, *instruction, at).value_or(i + instruction->size);
  }
}

void add_to(std::byte* at, std::size_t size, std::uint64_t value) {
  if (size == 1) {
    *at = static_cast<std::byte>(std::to_integer<std::uint64_t>(*at) + value);
  } else if (size == 4) {
    std::uint32_t held;
    std::memcpy(&held, at, sizeof held);
    held = static_cast<std::uint32_t>(held + value);
    std::memcpy(at, &held, sizeof held);
  }
}

/// Up to 6.2: only a call or jump of five bytes that is all there is of a replacement is relocated; a jump is
/// made short if it goes forward and not far (recompute_jump).
Bytes apply_early(Disassembler& disassembler, const Alternative& alternative, ByteView replacement,
                  const NopStyle& style) {
  Bytes code(replacement.begin(), replacement.end());
  const std::uint64_t moved = alternative.replacement - alternative.instruction;
  if (code.size() == kBranchSize && code[0] == kCall) add_to(&code[1], 4, moved);
  if (code.size() == kBranchSize && code[0] == kJump) {
    add_to(&code[1], 4, moved);
    const auto distance = static_cast<std::int32_t>(*load_le<std::uint32_t>(code, 1)) +
                          static_cast<std::int32_t>(kBranchSize) - 2;
    if (distance >= -2 && distance <= 127) {
      code[0] = kShortJump;
      code[1] = static_cast<std::byte>(distance);
      style.fill(std::span(code).subspan(2));
    }
  }
  code.resize(alternative.size, kNop);
  merge_single_nops(disassembler, alternative.instruction, code, style);
  return code;
}

/// From 6.3 on: every instruction that refers to something outside the replacement is relocated
/// (apply_relocation).
Bytes apply_relocated(Disassembler& disassembler, const Alternative& alternative, ByteView replacement,
                      const NopStyle& style) {
  Bytes code(replacement.begin(), replacement.end());
  code.resize(alternative.size, kNop);
  const std::uint64_t at = alternative.instruction, moved = alternative.replacement - at;
  NopMerger merger(disassembler, style);
  for (std::size_t i = 0; i < code.size();) {
    const auto instruction = disassembler.decode(std::span(code).subspan(i), Gva{at + i});
    if (!instruction) return code;
    if (const auto next = merger.step(code, i, *instruction, at)) {
      i = *next;
      continue;
    }
    const std::size_t end = i + instruction->size;
    if (instruction->relative_size != 0 && i < replacement.size()) {
      std::byte* field = &code[i + instruction->relative_at];
      const std::int64_t distance = instruction->relative_size == 1
                                        ? std::int64_t{static_cast<std::int8_t>(*field)}
                                        : std::int64_t{static_cast<std::int32_t>(
                                              *load_le<std::uint32_t>(code, i + instruction->relative_at))};
      const std::int64_t target = static_cast<std::int64_t>(end) + distance;
      if (target < 0 || target > static_cast<std::int64_t>(replacement.size()))
        add_to(field, instruction->relative_size, moved);
      if (code[i] == kJump && instruction->size == kBranchSize) {
        const auto short_distance = static_cast<std::int32_t>(*load_le<std::uint32_t>(code, i + 1)) + 3;
        if (short_distance >= -128 && short_distance <= 127) {
          code[i] = kShortJump;
          code[i + 1] = static_cast<std::byte>(short_distance);
          std::fill_n(code.begin() + static_cast<std::ptrdiff_t>(i) + 2, kBranchSize - 2, kInt3);
        }
      }
    }
    i = end;
  }
  return code;
}

}  // namespace

const std::vector<Bytes>& optimized(BootFacts& facts, const Bytes& code) {
  // Jumps are compared by how far they go: where the code stands does not matter.
  constexpr std::uint64_t kAnywhere = 0;
  auto [known, fresh] = facts.optimized_codes().try_emplace(code);
  std::vector<Bytes>& out = known->second;
  if (!fresh) return out;
  out.push_back(code);
  Disassembler* disassembler = facts.disassembler();
  if (disassembler == nullptr) return out;
  for (const NopStyle& style : facts.nops()) {
    out.push_back(code);
    merge_single_nops(*disassembler, kAnywhere, out.back(), style);
    out.push_back(code);
    merge_nops(*disassembler, kAnywhere, out.back(), style);
  }
  std::sort(out.begin() + 1, out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

std::vector<Bytes> applied(BootFacts& facts, const Alternative& alternative, ByteView replacement,
                           ByteView original) {
  std::vector<Bytes> out;
  Disassembler* disassembler = facts.disassembler();
  if (disassembler == nullptr || replacement.size() > alternative.size) return out;
  Bytes code(replacement.begin(), replacement.end());
  if (alternative.direct_call) {
    // alt_replace_call(): "call *slot" becomes a call of what the slot holds.
    const auto disp = load_le<std::uint32_t>(original, 2);
    if (original.size() < 6 || original[0] != std::byte{0xff} || original[1] != std::byte{0x15} ||
        code.size() != kBranchSize || !disp)
      return out;
    const std::uint64_t slot =
        facts.bits() == 64 ? alternative.instruction + 6 +
                                 static_cast<std::uint64_t>(std::int64_t{static_cast<std::int32_t>(*disp)})
                           : *disp;
    const auto function = facts.operation_at(Gva{slot});
    if (!function) return out;
    if (facts.does_nothing(*function)) {
      code.clear();
    } else if (*function != 0) {
      code = branch(kCall, alternative.replacement, *function);
    }
  }
  for (const NopStyle& style : facts.nops()) {
    out.push_back(apply_early(*disassembler, alternative, code, style));
    out.push_back(apply_relocated(*disassembler, alternative, code, style));
  }
  return out;
}

}  // namespace ringside::guest::linux
