// SPDX-License-Identifier: Apache-2.0
#include "policies/tables/linux/code_listing.h"

#include <algorithm>

namespace ringside::policies {

namespace {

using guest::Gva;

/// Longest way from the start of a function to the difference that is decoded.
constexpr std::uint64_t kMaxBefore = 4096;
constexpr std::size_t kMaxShown = 64;
/// Bytes behind the difference that its last instruction may have.
constexpr std::size_t kMaxAfter = 14;

}  // namespace

CodeListing::CodeListing(guest::linux::Kernel& kernel) : kernel_(kernel) {
  if (auto made = guest::x86::Disassembler::create(kernel.identity().bits == 64))
    disassembler_.emplace(std::move(*made));
}

Gva CodeListing::instruction_at(ByteView code, Gva start, Gva gva) {
  Gva at = start;
  while (at < gva) {
    const auto instruction = disassembler_->decode(code.subspan(at - start), at);
    const Gva next = at + (instruction ? instruction->size : 1);
    if (next > gva) break;
    at = next;
  }
  return at;
}

CodeListing::Both CodeListing::write(Gva first, ByteView expected, ByteView actual) {
  if (!disassembler_ || actual.empty()) return {};
  expected = expected.first(std::min(expected.size(), kMaxShown));
  actual = actual.first(std::min(actual.size(), kMaxShown));
  const auto& text = guest::linux::KernelText::of(kernel_);
  Gva start = first;
  const auto& symbols = kernel_.symbols();
  if (kernel_.identity().text.contains(first))
    if (const auto index = symbols.at_or_before(first.value, kernel_.slide()))
      if (const Gva function{symbols.address(*index, kernel_.slide())}; first - function < kMaxBefore)
        start = function;
  const std::size_t before = first - start;
  const ByteView now = text.bytes(start, before + std::max(expected.size(), actual.size()) + kMaxAfter);
  if (now.size() < before + std::max(expected.size(), actual.size())) return {};
  Bytes then(now.begin(), now.end());
  std::copy(expected.begin(), expected.end(), then.begin() + static_cast<std::ptrdiff_t>(before));
  const Gva begin = instruction_at(then, start, first);
  /// Whole instructions from `begin` until the difference is covered.
  const auto shown = [&](ByteView code, std::size_t size) {
    Gva end = begin;
    while (end < first + size) {
      const auto instruction = disassembler_->decode(code.subspan(end - start), end);
      end = end + (instruction ? instruction->size : 1);
    }
    return disassembler_->text(
        code.subspan(begin - start, std::min<std::size_t>(end - begin, code.size() - (begin - start))),
        begin);
  };
  return {shown(then, expected.size()), shown(now, actual.size())};
}

}  // namespace ringside::policies
