// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::guest::linux {

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
  /// Places that were decided once, while the kernel or module was loaded, and whose tables are gone since
  /// (alternatives, paravirtual calls, return thunks, ...): if `actual`, which stands at `first` and differs
  /// from bytes(), is nothing but what such places may have become, by which of them: "alternatives".
  /// nullopt: nothing explains the difference.
  virtual std::optional<std::string> explain(Gva first, ByteView actual) const = 0;
};

}  // namespace ringside::guest::linux
