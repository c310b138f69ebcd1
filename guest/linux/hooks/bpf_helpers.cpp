// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/bpf_helpers.h"

#include <algorithm>
#include <set>

namespace ringside::guest::linux {

namespace {

// include/uapi/linux/bpf.h: struct bpf_insn is code (8 bits), dst and src (4 bits each), off (16), imm (32).
constexpr std::uint64_t kSize = 8, kChunk = 4096;
constexpr std::uint8_t kCall = 0x85;  // BPF_JMP | BPF_CALL

}  // namespace

Result<std::vector<Gva>> bpf_helpers(Kernel& kernel, Gva first, std::uint64_t count) {
  RINGSIDE_TRY(const Gva base, kernel.symbol("__bpf_call_base"));
  std::set<std::uint64_t> helpers;
  Bytes bytes;
  for (std::uint64_t at = 0; at < count; at += kChunk) {
    const std::uint64_t here = std::min(kChunk, count - at);
    bytes.resize(here * kSize);
    RINGSIDE_CHECK(kernel.space().read(first + at * kSize, bytes));
    for (std::uint64_t i = 0; i < here; ++i) {
      const auto code = static_cast<std::uint8_t>(bytes[i * kSize]);
      const auto source = static_cast<std::uint8_t>(bytes[i * kSize + 1]) >> 4;
      // Another source: a function of the program itself, or of the kernel by its type id.
      if (code != kCall || source != 0) continue;
      const auto distance = static_cast<std::int32_t>(*load_le<std::uint32_t>(bytes, i * kSize + 4));
      helpers.insert(base.value + static_cast<std::uint64_t>(std::int64_t{distance}));
    }
  }
  std::vector<Gva> found;
  for (const std::uint64_t helper : helpers) found.push_back(Gva{helper});
  return found;
}

}  // namespace ringside::guest::linux
