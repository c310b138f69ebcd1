// SPDX-License-Identifier: Apache-2.0
#include "guest/x86/switch_code.h"

#include "guest/x86/known_values.h"

#include <string>

namespace ringside::guest::x86 {

namespace {

/// A tree over 2^16 cases is 16 comparisons deep; linear chains at its leaves are short.
constexpr unsigned kMaxSteps = 512;
/// ENDBR, then the call of function tracing.
constexpr std::uint64_t kEntryBytes = 4;

Error unknown(const Instruction& instruction) {
  return {Errc::unsupported,
          "the way depends on " + instruction.mnemonic + " at " + guest::to_string(instruction.at)};
}

}  // namespace

SwitchCode::SwitchCode(Bytes code, Gva start, bool long_mode, Gpr argument, Disassembler disassembler)
    : code_(std::move(code)),
      start_(start),
      long_mode_(long_mode),
      argument_(argument),
      disassembler_(std::move(disassembler)) {}

Result<SwitchCode> SwitchCode::create(Bytes code, Gva start, bool long_mode, Gpr argument) {
  if (code.empty() || code.size() > kMaxCode)
    return fail(Errc::invalid_argument, "a function of " + std::to_string(code.size()) + " bytes");
  RINGSIDE_TRY(auto disassembler, Disassembler::create(long_mode));
  return SwitchCode(std::move(code), start, long_mode, argument, std::move(disassembler));
}

const Instruction* SwitchCode::at(Gva gva) {
  if (const auto found = decoded_.find(gva.value); found != decoded_.end()) return &found->second;
  auto made = disassembler_.decode(ByteView(code_).subspan(gva - start_), gva);
  if (!made) return nullptr;
  return &decoded_.emplace(gva.value, std::move(*made)).first->second;
}

Result<Gva> SwitchCode::target(std::uint32_t value) {
  KnownValues known(long_mode_);
  known.set(argument_, value);
  Gva here = start_;
  for (unsigned step = 0; step < kMaxSteps; ++step) {
    if (!inside(here))
      return fail(Errc::malformed, "execution runs out of the function at " + to_string(here));
    const Instruction* instruction = at(here);
    if (instruction == nullptr) return fail(Errc::malformed, "there is no instruction at " + to_string(here));
    switch (instruction->operation) {
      case Operation::jump: {
        const auto to = instruction->target();
        if (!to) return fail(unknown(*instruction));
        if (!inside(*to)) return *to;
        here = *to;
        continue;
      }
      case Operation::call: {
        const auto to = instruction->target();
        if (here - start_ > kEntryBytes) {
          if (!to) return fail(unknown(*instruction));
          if (!inside(*to)) return *to;
          return fail(unknown(*instruction));
        }
        break;
      }
      case Operation::conditional_jump: {
        const auto taken = known.holds(instruction->condition);
        const auto to = instruction->target();
        if (!taken || !to) return fail(unknown(*instruction));
        if (*taken && !inside(*to)) return *to;
        here = *taken ? *to : instruction->next();
        continue;
      }
      case Operation::return_:
        return fail(Errc::not_found, "it returns at " + to_string(here) + " and calls nothing");
      case Operation::stop:
        return fail(Errc::not_found, "it ends in " + instruction->mnemonic + " at " + to_string(here));
      default:
        known.apply(*instruction);
        break;
    }
    here = instruction->next();
  }
  return fail(Errc::out_of_bounds,
              "it does not leave the function within " + std::to_string(kMaxSteps) + " steps");
}

}  // namespace ringside::guest::x86
