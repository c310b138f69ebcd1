// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "guest/address.h"
#include "guest/linux/linux_macro.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace ringside::guest::linux {

/// How the kernel writes the address of symbol i (scripts/kallsyms.c, kernel/kallsyms.c).
enum class KallsymsEncoding : std::uint8_t {
  absolute_percpu,  ///< offset >= 0: that very number; < 0: relative_base - 1 - offset (x86-64 up to 6.12)
  base_relative,    ///< relative_base + offset, unsigned (i386)
  pc_relative,      ///< address of offsets[i] + offset, signed (x86-64 from 7.0)
};

/// Where the tables of kallsyms stand in a window of the kernel image: byte offsets into the window, all
/// inside it.
struct KallsymsTables {
  std::uint32_t count = 0;  ///< symbols
  unsigned pointer_size = 8;
  KallsymsEncoding encoding{};
  std::size_t num_syms = 0, names = 0, names_end = 0, markers = 0, token_table = 0, token_index = 0,
              offsets = 0;
  std::size_t relative_base_at = 0;  ///< where relative_base stands; 0 with pc_relative
  std::uint64_t relative_base = 0;   ///< runtime value
  /// The smallest range of the window that holds all of the tables.
  std::size_t first = 0, end = 0;
  bool operator==(const KallsymsTables&) const = default;
};

/// Most symbols that a kernel may claim.
inline constexpr std::uint32_t kMaxSymbols = 1u << 20;

/// Offset of the next place in `window`, at or after `from`, that looks like the middle of a token table: the
/// tokens "0" to "9" one after the other. There are false hits: find_kallsyms() decides.
std::optional<std::size_t> find_kallsyms_signature(ByteView window, std::size_t from = 0);

/// Finds the tables around a signature. `window` holds the kernel image from `window_start` on, and should
/// reach 8 MiB to both sides of the signature (less where the image ends). `functions`: addresses that are
/// known to be those of functions (IDT handlers); at least three of them, or all if there are fewer, must be
/// symbols, and the addresses must not fall. Errors: `not_found` if this is no kallsyms, with the step that
/// failed; `invalid_argument` if `window_start` is no multiple of 8. Takes some 20 ms at most whatever the
/// bytes are, and far less for a false signature in an honest guest.
Result<KallsymsTables> find_kallsyms(ByteView window, Gva window_start, std::size_t signature,
                                     unsigned pointer_size, std::span<const std::uint64_t> functions);

/// Most signatures that are looked at in one window; a kernel's memory holds some 20 (copies, old boots).
inline constexpr std::size_t kMaxSignatures = 64;

/// The same for the first signature in `window` that is kallsyms.
Result<KallsymsTables> find_kallsyms(ByteView window, Gva window_start, unsigned pointer_size,
                                     std::span<const std::uint64_t> functions);

}  // namespace ringside::guest::linux
