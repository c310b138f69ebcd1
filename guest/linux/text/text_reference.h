// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/linux/text/patch_site.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::guest::linux {

/// Decides about differences between code and a reference: made once for a run of code.
class TextExplainer {
 public:
  virtual ~TextExplainer() = default;
  /// Places that were decided once, while the kernel or module was loaded, and whose tables are gone since
  /// (alternatives, paravirtual calls, return thunks, ...): if the `size` bytes at `offset`, which differ,
  /// are nothing but what such places may have become, by which of them: "alternatives". nullopt: nothing
  /// explains the difference.
  virtual std::optional<std::string> explain(std::size_t offset, std::size_t size) = 0;

  /// What should stand in such a place.
  struct Place {
    std::size_t offset = 0;
    Bytes expected;
  };
  /// The place that the byte at `offset` is in, which explain() could not explain, with what most likely
  /// stood there: that form of all that this kernel may have written which is closest to what stands there
  /// now. nullopt: the byte is in none, and should be the reference's own.
  virtual std::optional<Place> place(std::size_t offset) = 0;
};

/// What the bytes of kernel or module code should be: as the vendor shipped them ("golden") or as they were
/// when this guest was first seen ("first-seen"). Addresses are those of the running guest: KASLR and
/// relocations are applied. What the kernel patches while it runs is not its business (patch sites).
class TextReference {
 public:
  virtual ~TextReference() = default;

  /// "golden" or "first-seen".
  virtual std::string_view source() const = 0;
  /// What it can speak of, in order, without overlap.
  virtual std::vector<Range> ranges() const = 0;
  /// The expected bytes from `first` on; `out_of_bounds` if they are not all in one of ranges().
  virtual Result<Bytes> bytes(Gva first, std::size_t size) const = 0;
  /// Decides about code that stands at `first`: `actual`, as if the kernel had patched nothing of it while it
  /// runs, and `expected`, which is bytes(first, actual.size()). Both must outlive it. nullptr: nothing
  /// explains a difference.
  virtual std::unique_ptr<TextExplainer> explainer(Gva first, ByteView expected, ByteView actual) const = 0;
  /// Whether the reference has `site`, where its own bytes are `expected`, as a place that the kernel may
  /// patch while it runs. One that knows no such places believes the kernel.
  virtual bool has_site(const PatchSite& site, ByteView expected) const {
    (void)site;
    (void)expected;
    return true;
  }
  /// Why nothing is said of the code at `gva`, though it should be: in words, with what to do. nullopt: it is
  /// not this reference's business.
  virtual std::optional<Error> missing(Gva gva) const {
    (void)gva;
    return std::nullopt;
  }
};

}  // namespace ringside::guest::linux
