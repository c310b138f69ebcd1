// SPDX-License-Identifier: Apache-2.0
#include "policies/tables/kernel_root.h"

#include <cstring>
#include <vector>

namespace ringside::policies {

namespace {

namespace x86 = guest::x86;
using guest::Gpa;

constexpr std::uint64_t kUserRootBit = 1u << 12;  // Linux: PTI_PGTABLE_SWITCH_BIT
constexpr std::uint64_t kPresent = 1, kTableMask = 0x000f'ffff'ffff'f000;

/// Entries of 8 bytes that map the kernel half, one level below the PDPT in PAE, where the root has but one.
std::optional<std::vector<std::uint64_t>> entries_of(guest::Snapshot& snapshot, const x86::PagingRoot& root) {
  Gpa table = root.table + 2048;
  std::size_t count = 256;
  if (root.mode == x86::PagingMode::pae) {
    std::uint64_t directory = 0;
    if (!snapshot.read(root.table + 24, std::as_writable_bytes(std::span(&directory, 1))))
      return std::nullopt;
    if ((directory & kPresent) == 0) return std::nullopt;
    table = Gpa{directory & kTableMask};
    count = 512;
  }
  std::vector<std::uint64_t> entries(count);
  if (!snapshot.read(table, std::as_writable_bytes(std::span(entries)))) return std::nullopt;
  return entries;
}

}  // namespace

std::optional<Bytes> kernel_entries(guest::Snapshot& snapshot, const x86::PagingRoot& root) {
  std::uint64_t offset = 2048, size = 2048, stride = 8;  // entries 256 to 511 of a PML4 or PML5
  if (root.mode == x86::PagingMode::pae) offset = 24, size = 8;
  if (root.mode == x86::PagingMode::two_level) offset = 3072, size = 1024, stride = 4;
  Bytes bytes(size);
  if (!snapshot.read(root.table + offset, bytes)) return std::nullopt;
  for (std::size_t i = 0; i < bytes.size(); i += stride) bytes[i] &= std::byte{0x9f};
  return bytes;
}

x86::PagingRoot kernel_root(guest::Snapshot& snapshot, const x86::PagingRoot& root) {
  // Without PAE there is no NX, and Linux isolates no page tables (CONFIG_MITIGATION_PAGE_TABLE_ISOLATION).
  if (root.mode == x86::PagingMode::none || root.mode == x86::PagingMode::two_level) return root;
  if ((root.table.value & kUserRootBit) == 0) return root;
  x86::PagingRoot sibling = root;
  sibling.table.value &= ~kUserRootBit;
  const auto user = entries_of(snapshot, root), kernel = entries_of(snapshot, sibling);
  if (!user || !kernel) return root;
  bool more = false;
  for (std::size_t i = 0; i < user->size(); ++i) {
    const bool in_user = ((*user)[i] & kPresent) != 0, in_kernel = ((*kernel)[i] & kPresent) != 0;
    if (in_user && !in_kernel) return root;
    more = more || (in_kernel && !in_user);
  }
  return more ? sibling : root;
}

}  // namespace ringside::policies
