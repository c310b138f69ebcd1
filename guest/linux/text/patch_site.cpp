// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/text/patch_site.h"

#include <algorithm>
#include <cstring>
#include <limits>

namespace ringside::guest::linux {

std::string_view to_string(SiteKind kind) {
  constexpr std::array<std::string_view, 9> kNames = {
      "jump_label", "static_call", "static_call_trampoline", "ftrace",         "ftrace_label",
      "kprobe",     "lock_prefix", "bpf_dispatcher",         "kgdb_breakpoint"};
  const auto number = static_cast<std::size_t>(kind);
  return number < kNames.size() ? kNames[number] : "?";
}

CodeBytes::CodeBytes(std::initializer_list<unsigned> values) {
  for (const unsigned value : values)
    if (size < kMax) bytes[size++] = static_cast<std::byte>(value);
}

CodeBytes::CodeBytes(ByteView from) {
  append(from);
}

void CodeBytes::append(ByteView more) {
  for (const std::byte value : more)
    if (size < kMax) bytes[size++] = value;
}

std::optional<CodeBytes> near_branch(CodeBytes opcode, Gva at, Gva to, unsigned bits) {
  const std::uint64_t next = at.value + opcode.size + 4;
  const auto distance = static_cast<std::int64_t>(to.value - next);
  // 32-bit code reaches all of its address space.
  if (bits == 64 && (distance > std::numeric_limits<std::int32_t>::max() ||
                     distance < std::numeric_limits<std::int32_t>::min()))
    return std::nullopt;
  const auto displacement = static_cast<std::uint32_t>(distance);
  opcode.append(std::as_bytes(std::span(&displacement, 1)));
  return opcode;
}

std::optional<CodeBytes> short_jump(Gva at, Gva to) {
  const auto distance = static_cast<std::int64_t>(to.value - (at.value + 2));
  if (distance > std::numeric_limits<std::int8_t>::max() ||
      distance < std::numeric_limits<std::int8_t>::min())
    return std::nullopt;
  return CodeBytes{0xeb, static_cast<unsigned>(distance) & 0xff};
}

void PatchSite::expect(const std::optional<CodeBytes>& bytes) {
  if (!bytes || count == kMaxExpected) return;
  if (std::find(expected().begin(), expected().end(), *bytes) != expected().end()) return;
  expected_bytes[count++] = *bytes;
}

std::size_t PatchSite::size() const {
  std::size_t longest = 0;
  for (const CodeBytes& one : expected()) longest = std::max<std::size_t>(longest, one.size);
  return longest;
}

const CodeBytes* PatchSite::match(ByteView actual) const {
  for (const CodeBytes& one : expected())
    if (actual.size() >= one.size && std::memcmp(actual.data(), one.bytes.data(), one.size) == 0) return &one;
  return nullptr;
}

}  // namespace ringside::guest::linux
