// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/golden/boot_facts.h"
#include "guest/linux/golden/boot_places.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ringside::guest::linux {

/// Decides whether code that differs from what the vendor shipped is what the kernel may have made of it
/// while it booted or loaded a module: each place must hold, to the byte, one of the forms that the kernel
/// writes.
class BootForms {
 public:
  /// Bytes at an address of the guest: those expected, or those that are there. False: there are none.
  using Bytes_at = std::function<bool(std::uint64_t, std::span<std::byte>)>;

  /// `places`, shifted by `slide`. `expected`: text and the replacements of alternatives.
  BootForms(BootFacts& facts, const BootPlaces& places, std::uint64_t slide, Bytes_at expected);

  /// By which kinds of places `actual`, which stands at `first`, came to differ; nullopt if some of it did
  /// not that way. A place of which `actual` holds a part only is read to its ends with `guest`.
  std::optional<std::string> explain(std::uint64_t first, ByteView actual, const Bytes_at& guest);

 private:
  using Forms = std::vector<Bytes>;
  /// The forms that almost every place of a kind has, compared without making them all.
  bool is_usual(const BootPlace& place, ByteView wanted, ByteView actual) const;
  /// All that may stand at a place; the vendor's bytes are among them. `actual`: what does stand there, if
  /// known.
  Forms forms(const BootPlace& place, unsigned depth, ByteView actual);
  Forms alternative_forms(const BootPlace& place, unsigned depth);
  /// What code at `first` may be by the places in it; not by the alternative of `but`.
  Forms variants(std::uint64_t first, std::size_t size, std::optional<std::uint32_t> but, unsigned depth);
  void retpoline_forms(const Bytes& code, std::uint64_t at, ByteView actual, Forms& into);
  void return_forms(const Bytes& code, std::uint64_t at, Forms& into);
  void add_constant(const BootPlace& place, Forms& into);
  /// What most places of a constant hold whose variable the compiler did away with.
  std::optional<std::uint64_t> common_value(const BootPlace& place);
  /// The room before a function, into which counting of calls is put. Returns its end.
  std::optional<std::uint64_t> counted_entry(std::uint64_t at, std::uint64_t first, ByteView actual,
                                             const Bytes_at& guest);
  bool is_indirect_jump(std::uint64_t at, std::uint8_t reg);

  BootFacts& facts_;
  const BootPlaces& places_;
  std::uint64_t slide_;
  Bytes_at expected_;
};

}  // namespace ringside::guest::linux
