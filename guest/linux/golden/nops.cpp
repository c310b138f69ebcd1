// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/golden/nops.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

namespace ringside::guest::linux {

namespace {

using namespace std::string_view_literals;

template <std::size_t Count>
std::array<ByteView, Count> views(const std::array<std::string_view, Count>& texts) {
  std::array<ByteView, Count> out;
  std::transform(texts.begin(), texts.end(), out.begin(), [](auto text) { return as_bytes(text); });
  return out;
}

// Intel's recommended ones (SDM vol. 2B, NOP), which the kernel calls p6.
const auto kP6 = views(std::array{
    "\x90"sv, "\x66\x90"sv, "\x0f\x1f\x00"sv, "\x0f\x1f\x40\x00"sv, "\x0f\x1f\x44\x00\x00"sv,
    "\x66\x0f\x1f\x44\x00\x00"sv, "\x0f\x1f\x80\x00\x00\x00\x00"sv, "\x0f\x1f\x84\x00\x00\x00\x00\x00"sv,
    "\x2e\x0f\x1f\x84\x00\x00\x00\x00\x00"sv, "\x66\x2e\x0f\x1f\x84\x00\x00\x00\x00\x00"sv,
    "\x66\x66\x2e\x0f\x1f\x84\x00\x00\x00\x00\x00"sv});
const auto kModern32 = views(std::array{
    "\x90"sv, "\x89\xf6"sv, "\x8d\x76\x00"sv, "\x8d\x74\x26\x00"sv, "\x3e\x8d\x74\x26\x00"sv,
    "\x8d\xb6\x00\x00\x00\x00"sv, "\x8d\xb4\x26\x00\x00\x00\x00"sv, "\x3e\x8d\xb4\x26\x00\x00\x00\x00"sv});
const auto kIntel = views(std::array{"\x90"sv, "\x89\xf6"sv, "\x8d\x76\x00"sv, "\x8d\x74\x26\x00"sv,
                                     "\x90\x8d\x74\x26\x00"sv, "\x8d\xb6\x00\x00\x00\x00"sv,
                                     "\x8d\xb4\x26\x00\x00\x00\x00"sv, "\x90\x8d\xb4\x26\x00\x00\x00\x00"sv});
const auto kK8 = views(std::array{"\x90"sv, "\x66\x90"sv, "\x66\x66\x90"sv, "\x66\x66\x66\x90"sv,
                                  "\x66\x66\x90\x66\x90"sv, "\x66\x66\x90\x66\x66\x90"sv,
                                  "\x66\x66\x66\x90\x66\x66\x90"sv, "\x66\x66\x66\x90\x66\x66\x66\x90"sv});
const auto kK7 = views(std::array{"\x90"sv, "\x8b\xc0"sv, "\x8d\x04\x20"sv, "\x8d\x44\x20\x00"sv,
                                  "\x8d\x44\x20\x00\x90"sv, "\x8d\x80\x00\x00\x00\x00"sv,
                                  "\x8d\x04\x05\x00\x00\x00\x00"sv, "\x8d\x04\x05\x00\x00\x00\x00\x90"sv});

}  // namespace

void NopStyle::fill(std::span<std::byte> room) const {
  if (jumps && room.size() > table.size()) {
    // add_nop(): a jump to the end, then INT3.
    const bool near = room.size() < 128;
    const std::size_t size = near ? 2 : 5;
    const auto distance = static_cast<std::uint32_t>(room.size() - size);
    std::fill(room.begin(), room.end(), std::byte{0xcc});
    room[0] = near ? std::byte{0xeb} : std::byte{0xe9};
    std::memcpy(&room[1], &distance, size - 1);
    return;
  }
  while (!room.empty()) {
    const ByteView one = table[std::min(room.size(), table.size()) - 1];
    std::copy(one.begin(), one.end(), room.begin());
    room = room.subspan(one.size());
  }
}

NopStyle modern_nops(unsigned bits, bool long_ones, bool jumps) {
  constexpr std::size_t kUsual = 8;
  if (bits == 32) return {kModern32, jumps};
  return {std::span(kP6).first(long_ones ? kP6.size() : kUsual), jumps};
}

std::vector<IdealNops> ideal_nops() {
  return {{"p6_nops", {std::span(kP6).first(8), false}},
          {"k8_nops", {kK8, false}},
          {"k7_nops", {kK7, false}},
          {"intel_nops", {kIntel, false}}};
}

}  // namespace ringside::guest::linux
