// SPDX-License-Identifier: Apache-2.0
#include "guest/x86/page_tables.h"

#include "guest/snapshot.h"
#include "guest/x86/paging_format.h"

namespace ringside::guest::x86 {

namespace {

Result<std::uint64_t> read_entry(Snapshot& snapshot, Gpa gpa, unsigned size) {
  std::uint64_t entry = 0;
  RINGSIDE_CHECK(snapshot.read(gpa, std::as_writable_bytes(std::span(&entry, 1)).first(size)));
  return entry;
}

}  // namespace

PagingRoot PagingRoot::of(const CpuState& cpu) {
  PagingRoot root;
  root.mode = cpu.paging_mode();
  // What of CR3 is an address (SDM vol. 3A, tables 4-3, 4-7, 4-12); the rest is PCID, cache control and LAM.
  switch (root.mode) {
    case PagingMode::none:
      break;
    case PagingMode::two_level:
      root.table = Gpa{cpu.cr3 & 0xfffff000};
      break;
    case PagingMode::pae:
      root.table = Gpa{cpu.cr3 & 0xffffffe0};
      break;
    case PagingMode::four_level:
    case PagingMode::five_level:
      root.table = Gpa{cpu.cr3 & pte::kAddress};
      break;
  }
  root.nxe = (cpu.efer & efer::kNxe) != 0;
  root.pse = (cpu.cr4 & cr4::kPse) != 0;
  root.wp = (cpu.cr0 & cr0::kWp) != 0;
  root.smep = (cpu.cr4 & cr4::kSmep) != 0;
  root.smap = (cpu.cr4 & cr4::kSmap) != 0;
  return root;
}

bool is_canonical(Gva gva, PagingMode mode) {
  const auto sign_extended = [&](unsigned width) {
    const auto upper = static_cast<std::int64_t>(gva.value) >> (width - 1);
    return upper == 0 || upper == -1;
  };
  if (mode == PagingMode::four_level) return sign_extended(48);
  if (mode == PagingMode::five_level) return sign_extended(57);
  return gva.value <= 0xffffffff;
}

Gva kernel_half(PagingMode mode) {
  if (mode == PagingMode::four_level) return Gva{0xffff800000000000};
  if (mode == PagingMode::five_level) return Gva{0xff00000000000000};
  return Gva{0xc0000000};
}

tl::expected<Translation, WalkFailure> PageTables::translate(Gva gva) const {
  WalkFailure failure;
  const auto give_up = [&](Error error) {
    failure.error = std::move(error);
    return tl::unexpected(std::move(failure));
  };
  if (!is_canonical(gva, root_.mode))
    return give_up({Errc::non_canonical, "guest-virtual address " + to_string(gva) + " is not canonical in " +
                                             std::string(to_string(root_.mode)) + " paging"});
  if (root_.mode == PagingMode::none) {
    Translation identity;
    identity.gva = gva;
    identity.gpa = Gpa{gva.value};
    identity.page_size = kPageSize;
    identity.permissions = kAllPermissions;
    return identity;
  }
  const PagingFormat format = PagingFormat::of(root_.mode);
  Gpa table = root_.table;
  Permissions permissions = kAllPermissions;
  for (unsigned level = format.top_level; level >= 1; --level) {
    const std::uint64_t index = (gva.value >> format.shift(level)) & (entry_count(root_.mode, level) - 1);
    const Gpa entry_gpa = table + index * format.entry_size;
    const auto entry = read_entry(snapshot_, entry_gpa, format.entry_size);
    if (!entry)
      return give_up(
          entry.error().within("page walk of " + to_string(gva) + ", " + std::string(entry_name(level))));
    failure.steps[failure.step_count++] = {level, entry_gpa, *entry};
    const DecodedEntry decoded = decode_entry(root_, level, *entry);
    const auto at_entry = [&](std::string_view what) {
      return "guest-virtual address " + to_string(gva) + " is not mapped: the " +
             std::string(entry_name(level)) + " at " + to_string(entry_gpa) + " " + std::string(what);
    };
    permissions = permissions & decoded.permissions;
    switch (decoded.kind) {
      case DecodedEntry::Kind::absent:
        return give_up({Errc::not_mapped, at_entry("is not present")});
      case DecodedEntry::Kind::reserved:
        return give_up({Errc::malformed, at_entry("has reserved bits set")});
      case DecodedEntry::Kind::table:
        table = decoded.address;
        break;
      case DecodedEntry::Kind::page:
        Translation found;
        found.gva = gva;
        found.gpa = decoded.address + (gva.value & (decoded.page_size - 1));
        found.page_size = decoded.page_size;
        found.permissions = permissions;
        found.global = (*entry & pte::kGlobal) != 0;
        found.dirty = (*entry & pte::kDirty) != 0;
        found.accessed = (*entry & pte::kAccessed) != 0;
        found.steps = failure.steps;
        found.step_count = failure.step_count;
        return found;
    }
  }
  return give_up(
      {Errc::malformed, "page walk of " + to_string(gva) + " did not end"});  // level 1 maps or fails
}

}  // namespace ringside::guest::x86
