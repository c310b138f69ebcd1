// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/golden/boot_facts.h"
#include "guest/linux/golden/boot_places.h"
#include "guest/linux/text/text_reference.h"

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
class BootForms final : public TextExplainer {
 public:
  /// Bytes at an address of the guest: false if there are none.
  using BytesAt = std::function<bool(std::uint64_t, std::span<std::byte>)>;
  /// Code that is looked at, as it should be and as it is; both must outlive this.
  struct Run {
    std::uint64_t first = 0;
    ByteView expected, actual;
  };

  /// `places`, shifted by `slide`. `vendor`: what the vendor shipped outside of `run`, the replacements of
  /// alternatives among it. A place of which `run` holds a part only is read to its ends in the guest.
  BootForms(BootFacts& facts, const BootPlaces& places, std::uint64_t slide, const Run& run, BytesAt vendor);

  /// By which kinds of places the bytes came to differ; nullopt if some of them did not that way.
  std::optional<std::string> explain(std::size_t offset, std::size_t size) override;
  std::optional<Place> place(std::size_t offset) override;

 private:
  using Forms = std::vector<Bytes>;
  bool expected(std::uint64_t at, std::span<std::byte> into) const;
  bool actual(std::uint64_t at, std::span<std::byte> into) const;
  /// The place holds one of its forms.
  bool is_explained(const BootPlace& place);
  /// The forms that almost every place of a kind has, compared without making them all.
  bool is_usual(const BootPlace& place, ByteView wanted, ByteView actual) const;
  /// All that may stand at a place; the vendor's bytes are among them. `actual`: what does stand there, if
  /// known.
  Forms forms(const BootPlace& place, unsigned depth, ByteView actual);
  Forms alternative_forms(const BootPlace& place, unsigned depth);
  /// An alternative that is not chosen by a CPU with the features of this one.
  bool is_left(const Alternative& alternative) const;
  /// What code at `first` may be by the places in it; not by the alternative of `but`.
  Forms variants(std::uint64_t first, std::size_t size, std::optional<std::uint32_t> but, unsigned depth);
  void retpoline_forms(const Bytes& code, std::uint64_t at, ByteView actual, Forms& into);
  void return_forms(const Bytes& code, std::uint64_t at, Forms& into);
  /// Returns are returns here, and go through no thunk: most of those around are.
  bool returns_are_plain() const;
  void add_constant(const BootPlace& place, Forms& into);
  /// What most places of a constant hold whose variable the compiler did away with.
  std::optional<std::uint64_t> common_value(const BootPlace& place);
  /// The room before a function, into which counting of calls is put. Returns its end.
  std::optional<std::uint64_t> counted_entry(std::uint64_t at);
  bool is_indirect_jump(std::uint64_t at, std::uint8_t reg);

  BootFacts& facts_;
  const BootPlaces& places_;
  std::uint64_t slide_;
  Run run_;
  BytesAt vendor_;
  const BootPlace* last_ = nullptr;  ///< explained: what differs in it comes in pieces
  bool by_features_ = false;         ///< forms() gives those that this CPU chooses, as far as is known
};

}  // namespace ringside::guest::linux
