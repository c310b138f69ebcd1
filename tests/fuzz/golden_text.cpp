// SPDX-License-Identifier: Apache-2.0
// A guest's code against its vendor's, where the input is what the guest holds: whatever that is, explaining
// it ends, and what is said to belong there lies where the difference is.
#include "guest/linux/golden/kernel_reference.h"
#include "tests/unit/support/golden_world.h"

#include <cstdlib>
#include <memory>
#include <span>

namespace {

namespace linux = ringside::guest::linux;
using ringside::Bytes;
using ringside::guest::Gva;
using ringside::testing::GoldenWorld;

/// Bytes of text that are compared: all places stand there.
constexpr std::size_t kSize = 0x400;
constexpr std::uint64_t kThunk = GoldenWorld::kText + 0xf00, kThunkRax = GoldenWorld::kText + 0xf40;

Bytes branch(std::uint8_t opcode, std::uint64_t from, std::uint64_t to) {
  Bytes code(5, std::byte{opcode});
  const auto distance = static_cast<std::uint32_t>(to - from - 5);
  std::memcpy(&code[1], &distance, sizeof distance);
  return code;
}

/// A kernel with a place of each kind, a kind every 0x40 bytes.
struct World {
  GoldenWorld world;
  std::shared_ptr<const linux::GoldenKernel> golden;
  World() {
    const auto put = [&](std::uint64_t offset, const Bytes& code) {
      std::copy(code.begin(), code.end(), world.text.begin() + static_cast<std::ptrdiff_t>(offset));
    };
    const auto at = [](std::uint64_t offset) { return GoldenWorld::kText + offset; };
    for (std::uint64_t offset = 0; offset < kSize; offset += 0x100) {
      put(offset, branch(0xe9, at(offset), kThunk));
      world.add_site(world.return_sites, GoldenWorld::kTables + 0x1000, at(offset));
      put(offset + 0x40, branch(0xe8, at(offset + 0x40), kThunkRax));
      world.add_site(world.retpoline_sites, GoldenWorld::kTables + 0x2000, at(offset + 0x40));
      GoldenWorld::put_hex(world.text, offset + 0x80, "f0");
      world.add_site(world.locks, GoldenWorld::kTables + 0x3000, at(offset + 0x80));
      GoldenWorld::put_hex(world.text, offset + 0xc0, "eb05909090909090");
      world.add_alternative(at(offset + 0xc0), 8, GoldenWorld::kReplacements + 0x10, 5);
    }
    const Bytes call = branch(0xe8, GoldenWorld::kReplacements + 0x10, GoldenWorld::kText + 0x900);
    std::copy(call.begin(), call.end(), world.replacements.begin() + 0x10);
    golden = linux::GoldenKernel::parse(world.payload()).value();
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const World made;
  const auto kernel = made.world.boot(*made.golden);
  const auto define = [&](const char* name, std::uint64_t address) {
    kernel->define(name, Gva{address + GoldenWorld::kSlide}, 'T');
  };
  define("_text", GoldenWorld::kText);
  define("__x86_return_thunk", kThunk);
  define("__x86_indirect_thunk_rax", kThunkRax);
  const Gva first{GoldenWorld::kText + GoldenWorld::kSlide};
  const auto reference = linux::GoldenKernelReference::create(*kernel, made.golden).value();
  const Bytes expected = reference->bytes(first, kSize).value();
  Bytes actual = expected;
  const auto input = std::as_bytes(std::span(data, size));
  std::copy_n(input.begin(), std::min(size, kSize), actual.begin());
  kernel->memory().write(ringside::guest::Gpa{first.value}, actual);
  const auto explainer = reference->explainer(first, expected, actual);
  for (std::size_t i = 0; i < kSize; ++i) {
    if (actual[i] == expected[i]) continue;
    if (explainer->explain(i, 1)) continue;
    const auto place = explainer->place(i);
    if (!place) continue;
    if (place->offset > i || place->offset + place->expected.size() <= i || place->offset >= kSize)
      std::abort();
    // What is said to belong there would have been explained.
    Bytes put_back = actual;
    if (place->offset + place->expected.size() > kSize) std::abort();
    std::copy(place->expected.begin(), place->expected.end(),
              put_back.begin() + static_cast<std::ptrdiff_t>(place->offset));
    if (!reference->explainer(first, expected, put_back)->explain(place->offset, place->expected.size()))
      std::abort();
  }
  if (explainer->explain(kSize, 1) || explainer->explain(0, kSize + 1)) std::abort();
  return 0;
}
