// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/pages/ftrace_trampoline.h"

#include "guest/linux/symboliser.h"

#include <algorithm>
#include <array>

namespace ringside::guest::linux {

namespace {

constexpr std::uint64_t kPointer = 8, kCall = 5, kLoad = 7, kShortJump = 2;
/// Longest original that is read: it has some 350 bytes.
constexpr std::uint64_t kMaxCode = 4096;

/// Where an instruction whose last 4 bytes are a displacement goes.
Gva target(ByteView bytes, Gva at, std::uint64_t offset, std::uint64_t size) {
  const auto displacement =
      static_cast<std::int32_t>(load_le<std::uint32_t>(bytes, offset + size - 4).value_or(0));
  return at + offset + size + static_cast<std::uint64_t>(static_cast<std::int64_t>(displacement));
}

bool starts_with(ByteView bytes, std::uint64_t offset, std::initializer_list<unsigned> opcode) {
  if (offset + opcode.size() > bytes.size()) return false;
  return std::equal(opcode.begin(), opcode.end(), bytes.begin() + static_cast<std::ptrdiff_t>(offset),
                    [](unsigned a, std::byte b) { return std::byte{static_cast<std::uint8_t>(a)} == b; });
}

/// True if the 4 bytes at `offset` are a displacement from the instruction pointer that was moved along with
/// the code (text_poke_apply_relocation, from 6.12 on).
bool is_moved(ByteView copy, ByteView original, std::uint64_t offset, Gva at, Gva from) {
  const auto now = load_le<std::uint32_t>(copy, offset), was = load_le<std::uint32_t>(original, offset);
  return now && was && *now - *was == static_cast<std::uint32_t>(from.value - at.value);
}

}  // namespace

Gva trampoline_owner(ByteView bytes) {
  if (bytes.size() < kPointer) return Gva{0};
  return Gva{load_le<std::uint64_t>(bytes, bytes.size() - kPointer).value_or(0)};
}

std::optional<std::string> wrong_in_trampoline(ByteView bytes, Gva at, const TrampolineOriginal& original,
                                               const TrampolineTargets& targets) {
  const ByteView code = original.code;
  const std::uint64_t end = code.size();
  const auto wrong = [&](std::uint64_t offset, const std::string& what) {
    return "at " + to_string(at + offset) + ": " + what;
  };
  // Then a return, and the address of its ftrace_ops.
  if (bytes.size() < end + 1 + kPointer || bytes.size() > end + 16 + kPointer)
    return "it has " + std::to_string(bytes.size()) + " bytes, its original " + std::to_string(end);
  if (original.call + kCall > end || original.op + kLoad > end ||
      (original.jump && *original.jump + kShortJump > end))
    return "its original is not what it should be";

  if (!starts_with(bytes, original.call, {0xe8}) || !targets.is_code(target(bytes, at, original.call, kCall)))
    return wrong(original.call, "no call of a function");
  if (!starts_with(bytes, original.op, {0x48, 0x8b, 0x15}) ||
      target(bytes, at, original.op, kLoad) != at + (bytes.size() - kPointer))
    return wrong(original.op, "does not load the address of its own ftrace_ops");
  if (original.jump) {
    // The two-byte no-operation of this CPU (asm/nops.h; before 5.13 chosen at boot).
    const bool nop = starts_with(bytes, *original.jump, {0x66, 0x90}) ||
                     starts_with(bytes, *original.jump, {0x89, 0xf6}) ||
                     starts_with(bytes, *original.jump, {0x8d, 0x36});
    if (!nop) return wrong(*original.jump, "no no-operation");
  }
  const auto patched = [&](std::uint64_t offset) {
    return offset - original.call < kCall || offset - original.op < kLoad ||
           (original.jump && offset - *original.jump < kShortJump);
  };
  for (std::uint64_t i = 0; i < end; ++i) {
    if (bytes[i] == code[i] || patched(i)) continue;
    std::uint64_t first = i < 3 ? 0 : i - 3;
    while (first <= i && !is_moved(bytes.first(end), code, first, at, original.start)) ++first;
    if (first > i) return wrong(i, "differs from the code that it is a copy of");
    i = first + 3;
  }
  const ByteView tail = bytes.subspan(end, bytes.size() - kPointer - end);
  const bool jumps = tail.size() >= kCall && starts_with(tail, 0, {0xe9}) &&
                     targets.is_return_thunk(target(bytes, at, end, kCall));
  const bool returns = starts_with(tail, 0, {0xc3});
  if (!jumps && !returns) return wrong(end, "no return");
  const std::size_t used = jumps ? kCall : 1;
  // Bytes behind a return are int3 where speculation is to be stopped, else they were never written.
  for (std::size_t i = used; i < tail.size(); ++i)
    if (tail[i] != std::byte{0xcc} && tail[i] != std::byte{0})
      return wrong(end + i, "code behind the return");
  return std::nullopt;
}

Result<TrampolineOriginal> trampoline_original(Kernel& kernel, bool saves_registers) {
  const auto at = [&](const char* plain, const char* with_registers) {
    return kernel.symbol(saves_registers ? with_registers : plain);
  };
  RINGSIDE_TRY(const Gva start, at("ftrace_caller", "ftrace_regs_caller"));
  RINGSIDE_TRY(const Gva end, at("ftrace_caller_end", "ftrace_regs_caller_end"));
  RINGSIDE_TRY(const Gva call, at("ftrace_call", "ftrace_regs_call"));
  RINGSIDE_TRY(const Gva op, at("ftrace_caller_op_ptr", "ftrace_regs_caller_op_ptr"));
  if (end <= start || end - start > kMaxCode || call < start || call >= end || op < start || op >= end)
    return fail(Errc::malformed, "labels of ftrace_caller do not follow each other");
  TrampolineOriginal original{start, Bytes(end - start), call - start, op - start, {}};
  if (saves_registers) {
    RINGSIDE_TRY(const Gva jump, kernel.symbol("ftrace_regs_caller_jmp"));
    if (jump < start || jump >= end)
      return fail(Errc::malformed, "labels of ftrace_regs_caller do not follow each other");
    original.jump = jump - start;
  }
  RINGSIDE_CHECK(kernel.space().read(start, original.code));
  return original;
}

Result<std::optional<std::string>> check_ftrace_trampoline(Kernel& kernel, ByteView bytes, Gva at) {
  const Gva ops = trampoline_owner(bytes);
  RINGSIDE_TRY(const Field flags, kernel.field("ftrace_ops", "flags"));
  RINGSIDE_TRY(const Field own, kernel.field("ftrace_ops", "trampoline"));
  const auto set = kernel.read_field(ops, flags);
  const auto trampoline = kernel.read_pointer_field(ops, own);
  if (!set || !trampoline || *trampoline != at)
    return std::optional("its last 8 bytes, " + to_string(ops) + ", name no ftrace_ops that uses it");
  RINGSIDE_TRY(const Types* types, kernel.types());
  RINGSIDE_TRY(const std::int64_t saves, types->enumerator("", "FTRACE_OPS_FL_SAVE_REGS"));
  RINGSIDE_TRY(const auto original,
               trampoline_original(kernel, (*set & static_cast<std::uint64_t>(saves)) != 0));
  Symboliser& names = Symboliser::of(kernel);
  TrampolineTargets targets;
  targets.is_code = [&](Gva gva) { return names.in_text(gva).value_or(true); };
  targets.is_return_thunk = [&](Gva gva) {
    if (!kernel.identity().text.contains(gva)) return false;
    const auto name = names.symbol(gva);
    return name && name->ends_with("return_thunk");
  };
  return wrong_in_trampoline(bytes, at, original, targets);
}

}  // namespace ringside::guest::linux
