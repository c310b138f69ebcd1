// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/golden/vendor_sites.h"

#include "guest/linux/golden/branches.h"

#include <algorithm>
#include <array>

namespace ringside::guest::linux {

namespace {

constexpr std::byte kReturn{0xc3}, kLock{0xf0}, kTwoBytes{0x0f}, kDataSegment{0x3e};
/// Most bytes of a table; the largest of Debian's have some 200 KiB.
constexpr std::size_t kMaxTable = std::size_t{16} << 20;

/// NOPs of five bytes that compilers and objtool put at the entry of a function that may be traced.
bool is_nop5(ByteView code) {
  static constexpr std::array<std::array<unsigned char, 5>, 3> kNops{
      {{0x0f, 0x1f, 0x44, 0x00, 0x00}, {0x3e, 0x8d, 0x74, 0x26, 0x00}, {0x66, 0x66, 0x66, 0x66, 0x90}}};
  return code.size() >= 5 && std::any_of(kNops.begin(), kNops.end(), [&](const auto& nop) {
           return std::equal(nop.begin(), nop.end(), code.begin(),
                             [](unsigned char a, std::byte b) { return std::byte{a} == b; });
         });
}

}  // namespace

void VendorSites::add(std::unordered_set<std::uint64_t>& to, std::uint64_t address, ByteView table,
                      std::size_t size) const {
  table = table.first(std::min(table.size(), kMaxTable));
  for (std::size_t at = 0; at + size <= table.size(); at += size) {
    const auto distance = static_cast<std::int32_t>(*load_le<std::uint32_t>(table, at));
    const std::uint64_t code = address + at + static_cast<std::uint64_t>(std::int64_t{distance});
    to.insert(bits_ == 64 ? code : code & 0xffffffff);
  }
}

void VendorSites::add_jump_table(std::uint64_t address, ByteView table) {
  add(jumps_, address, table, 8 + bits_ / 8);
  jumps_known_ = true;
}

void VendorSites::add_static_calls(std::uint64_t address, ByteView table) {
  add(calls_, address, table, 8);
  calls_known_ = true;
}

bool VendorSites::is_traced_entry(const PatchSite& site, ByteView vendor,
                                  std::optional<std::uint64_t> fentry) const {
  if (is_nop5(vendor)) return true;
  if (vendor.size() < kBranchSize || vendor[0] != kCall) return false;
  return !fentry || branch_target(vendor.first(kBranchSize), site.first.value, bits_) == *fentry;
}

bool VendorSites::allow(const PatchSite& site, ByteView vendor, std::optional<std::uint64_t> fentry) const {
  if (vendor.empty()) return false;
  switch (site.kind) {
    case SiteKind::jump_label:
      return !jumps_known_ || jumps_.contains(site.first.value);
    case SiteKind::static_call:
      return !calls_known_ || calls_.contains(site.first.value);
    case SiteKind::static_call_trampoline:
      return vendor[0] == kJump || vendor[0] == kReturn || vendor[0] == kTwoBytes;
    case SiteKind::ftrace:
    case SiteKind::bpf_dispatcher:
      return is_traced_entry(site, vendor, fentry);
    case SiteKind::ftrace_label:
      return vendor[0] == kCall || vendor[0] == kJump;
    case SiteKind::lock_prefix:
      return vendor[0] == kLock || vendor[0] == kDataSegment;
    case SiteKind::kprobe:
    case SiteKind::kgdb_breakpoint:
      return true;
  }
  return false;
}

}  // namespace ringside::guest::linux
