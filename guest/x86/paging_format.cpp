// SPDX-License-Identifier: Apache-2.0
#include "guest/x86/paging_format.h"

namespace ringside::guest::x86 {

namespace {

constexpr std::uint64_t kKiB = 1024, kMiB = 1024 * kKiB, kGiB = 1024 * kMiB;

/// Bits `high` to `low`, both included.
constexpr std::uint64_t bits(unsigned high, unsigned low) {
  return high < low ? 0 : (~std::uint64_t{0} >> (63 - high)) & (~std::uint64_t{0} << low);
}

/// 32-bit entries (SDM vol. 3A, tables 4-4 to 4-6).
DecodedEntry decode_two_level(const PagingRoot& root, unsigned level, std::uint64_t entry) {
  DecodedEntry decoded;
  decoded.permissions = {(entry & pte::kWritable) != 0, (entry & pte::kUser) != 0, true};
  if (level == 2 && root.pse && (entry & pte::kLarge) != 0) {
    // PSE-36: bits 20:13 are bits 39:32 of the address.
    decoded.address = Gpa{(entry & 0xffc00000) | ((entry & bits(20, 13)) << 19)};
    decoded.page_size = 4 * kMiB;
    const bool reserved =
        (entry & bits(21, 21)) != 0 || (decoded.address.value & bits(63, root.physical_bits)) != 0;
    decoded.kind = reserved ? DecodedEntry::Kind::reserved : DecodedEntry::Kind::page;
    return decoded;
  }
  decoded.address = Gpa{entry & 0xfffff000};
  decoded.kind = level == 1 ? DecodedEntry::Kind::page : DecodedEntry::Kind::table;
  if (level == 1) decoded.page_size = 4 * kKiB;
  return decoded;
}

/// Bits that must be clear in a present 64-bit entry (SDM vol. 3A, tables 4-8 to 4-11 and 4-15 to 4-20).
std::uint64_t reserved_bits(const PagingRoot& root, unsigned level, bool large) {
  std::uint64_t mask = bits(51, root.physical_bits);
  if (!root.nxe) mask |= pte::kNoExecute;
  if (root.mode == PagingMode::pae) {
    mask |= bits(62, 52);
    // Bit 5 is reserved too, but QEMU's TCG sets it when it uses the entry, as if it were Accessed.
    if (level == 3) mask |= pte::kNoExecute | bits(8, 6) | bits(2, 1);
  }
  if (level >= 4) mask |= pte::kLarge;
  if (large && level == 3) mask |= bits(29, 13);
  if (large && level == 2) mask |= bits(20, 13);
  return mask;
}

}  // namespace

PagingFormat PagingFormat::of(PagingMode mode) {
  switch (mode) {
    case PagingMode::none:
      return {0, 8, 9};
    case PagingMode::two_level:
      return {2, 4, 10};
    case PagingMode::pae:
      return {3, 8, 9};
    case PagingMode::four_level:
      return {4, 8, 9};
    case PagingMode::five_level:
      return {5, 8, 9};
  }
  return {};
}

unsigned entry_count(PagingMode mode, unsigned level) {
  if (mode == PagingMode::two_level) return 1024;
  return mode == PagingMode::pae && level == 3 ? 4 : 512;
}

std::string_view entry_name(unsigned level) {
  switch (level) {
    case 1:
      return "PTE";
    case 2:
      return "PDE";
    case 3:
      return "PDPTE";
    case 4:
      return "PML4E";
    default:
      return "PML5E";
  }
}

DecodedEntry decode_entry(const PagingRoot& root, unsigned level, std::uint64_t entry) {
  if ((entry & pte::kPresent) == 0) return {};
  if (root.mode == PagingMode::two_level) return decode_two_level(root, level, entry);
  const bool pae_top = root.mode == PagingMode::pae && level == 3;
  const bool large = !pae_top && (level == 2 || level == 3) && (entry & pte::kLarge) != 0;
  DecodedEntry decoded;
  // PAE's PDPTEs hold no rights: R/W and U/S are reserved there.
  decoded.permissions = pae_top ? kAllPermissions
                                : Permissions{(entry & pte::kWritable) != 0, (entry & pte::kUser) != 0,
                                              !root.nxe || (entry & pte::kNoExecute) == 0};
  decoded.address = Gpa{entry & pte::kAddress};
  decoded.kind = level == 1 || large ? DecodedEntry::Kind::page : DecodedEntry::Kind::table;
  if (decoded.kind == DecodedEntry::Kind::page) {
    decoded.page_size = level == 1 ? 4 * kKiB : level == 2 ? 2 * kMiB : kGiB;
    decoded.address.value &= ~(decoded.page_size - 1);
  }
  if ((entry & reserved_bits(root, level, large)) != 0) decoded.kind = DecodedEntry::Kind::reserved;
  return decoded;
}

}  // namespace ringside::guest::x86
