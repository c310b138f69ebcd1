// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/golden/boot_places.h"

#include <algorithm>
#include <array>

namespace ringside::guest::linux {

namespace {

constexpr std::string_view kPointers = "runtime_ptr_", kShifts = "runtime_shift_";

struct SiteTable {
  std::string_view section;
  BootPatch patch;
};
constexpr std::array<SiteTable, 5> kSites{{{".retpoline_sites", BootPatch::retpoline},
                                           {".return_sites", BootPatch::return_thunk},
                                           {".call_sites", BootPatch::call},
                                           {".ibt_endbr_seal", BootPatch::endbr},
                                           {".smp_locks", BootPatch::lock}}};

/// Bytes of the instruction at a site.
std::uint16_t site_size(BootPatch patch, std::uint64_t at, const BootPlaces::Code& code) {
  switch (patch) {
    case BootPatch::lock:
      return 1;
    case BootPatch::endbr:
      return 4;
    default: {
      // A prefix (from r8 on, with -mindirect-branch-cs-prefix), or a conditional jump of two opcode bytes.
      std::array<std::byte, 1> first{};
      return code(at, first) && (first[0] == std::byte{0x2e} || first[0] == std::byte{0x0f}) ? 6 : 5;
    }
  }
}

/// How struct alt_instr is laid out: 12 bytes with a 16-bit feature number, 13 with a length of padding as
/// well (up to 5.17), 14 with 32 bits of feature and flags (from 6.3).
struct AlternativeLayout {
  std::size_t size, length_at;
};
constexpr std::array<AlternativeLayout, 3> kLayouts{{{12, 10}, {14, 12}, {13, 10}}};

}  // namespace

std::string_view to_string(BootPatch patch) {
  switch (patch) {
    case BootPatch::alternative:
      return "alternatives";
    case BootPatch::paravirt:
      return "paravirtual calls";
    case BootPatch::retpoline:
      return "retpolines";
    case BootPatch::return_thunk:
      return "return thunks";
    case BootPatch::call:
      return "call depth tracking";
    case BootPatch::endbr:
      return "sealed entries";
    case BootPatch::lock:
      return "lock prefixes";
    case BootPatch::runtime_constant:
      return "runtime constants";
  }
  return "?";
}

bool BootPlaces::is_table(std::string_view name) {
  return name == ".altinstructions" || name == ".parainstructions" || name.starts_with(kPointers) ||
         name.starts_with(kShifts) ||
         std::any_of(kSites.begin(), kSites.end(), [&](const auto& one) { return one.section == name; });
}

std::uint64_t BootPlaces::resolve(std::uint64_t at, std::uint32_t relative) const {
  const std::uint64_t sum =
      at + static_cast<std::uint64_t>(std::int64_t{static_cast<std::int32_t>(relative)});
  return bits_ == 64 ? sum : sum & 0xffffffff;
}

Result<void> BootPlaces::add_table(std::string_view name, std::uint64_t address, ByteView table,
                                   const Code& code) {
  if (!is_table(name)) return {};
  // The smallest entry is 4 bytes.
  if (places_.size() + table.size() / 4 > kMaxPlaces)
    return fail(Errc::oversized, "section " + std::string(name) + " is too large");
  if (name == ".altinstructions") return add_alternatives(address, table, code);
  if (name == ".parainstructions") return add_paravirt(table);
  for (const auto& [section, patch] : kSites)
    if (name == section) add_sites(address, table, patch, 0, code);
  const bool pointer = name.starts_with(kPointers), shift = name.starts_with(kShifts);
  if (pointer || shift) {
    const auto variable = name.substr(pointer ? kPointers.size() : kShifts.size());
    constants_.push_back({std::string(variable), shift});
    add_sites(address, table, BootPatch::runtime_constant, static_cast<std::uint32_t>(constants_.size() - 1),
              code);
  }
  return {};
}

void BootPlaces::add_sites(std::uint64_t address, ByteView table, BootPatch patch, std::uint32_t index,
                           const Code& code) {
  for (std::size_t at = 0; at + 4 <= table.size(); at += 4) {
    BootPlace place;
    place.first = resolve(address + at, *load_le<std::uint32_t>(table, at));
    place.patch = patch;
    place.index = index;
    if (patch == BootPatch::runtime_constant)
      place.size = constants_[index].shift ? 1 : 8;
    else
      place.size = site_size(patch, place.first, code);
    places_.push_back(place);
  }
}

Result<void> BootPlaces::add_paravirt(ByteView table) {
  // struct paravirt_patch_site (asm/paravirt_types.h): pointer, type, length; the last one is not padded.
  const std::size_t pointer = bits_ / 8;
  for (std::size_t at = 0; at + pointer + 2 <= table.size(); at += 2 * pointer) {
    BootPlace place;
    place.first = pointer == 8 ? *load_le<std::uint64_t>(table, at) : *load_le<std::uint32_t>(table, at);
    place.patch = BootPatch::paravirt;
    place.type = std::to_integer<std::uint8_t>(table[at + pointer]);
    place.size = std::to_integer<std::uint8_t>(table[at + pointer + 1]);
    places_.push_back(place);
  }
  return {};
}

Result<void> BootPlaces::add_alternatives(std::uint64_t address, ByteView table, const Code& code) {
  for (const auto& layout : kLayouts) {
    if (table.size() % layout.size != 0) continue;
    std::vector<Alternative> found;
    bool sound = true;
    for (std::size_t at = 0; sound && at < table.size(); at += layout.size) {
      Alternative one;
      one.instruction = resolve(address + at, *load_le<std::uint32_t>(table, at));
      one.replacement = resolve(address + at + 4, *load_le<std::uint32_t>(table, at + 4));
      one.size = std::to_integer<std::uint8_t>(table[at + layout.length_at]);
      one.replacement_size = std::to_integer<std::uint8_t>(table[at + layout.length_at + 1]);
      // u16 cpuid, u16 flags: ALT_FLAG_NOT, ALT_FLAG_DIRECT_CALL. Before 6.3 "not" is the highest bit of
      // cpuid.
      const auto feature = *load_le<std::uint16_t>(table, at + 8);
      const auto flags = std::to_integer<unsigned>(table[at + 10]);
      one.direct_call = layout.size == 14 && (flags & 2) != 0;
      one.inverted = layout.size == 14 ? (flags & 1) != 0 : (feature & 0x8000) != 0;
      one.feature = layout.size == 14 ? feature : feature & 0x7fff;
      Bytes bytes(std::max<std::size_t>(one.size, one.replacement_size));
      sound =
          one.replacement_size <= one.size && code(one.instruction, std::span(bytes).first(one.size)) &&
          (one.replacement_size == 0 || code(one.replacement, std::span(bytes).first(one.replacement_size)));
      found.push_back(one);
    }
    if (!sound) continue;
    alternatives_.insert(alternatives_.end(), found.begin(), found.end());
    return {};
  }
  return fail(Errc::malformed, "section .altinstructions makes no sense");
}

void BootPlaces::finish() {
  // Those of one instruction stand one after the other, and are applied in this order.
  std::stable_sort(alternatives_.begin(), alternatives_.end(),
                   [](const auto& a, const auto& b) { return a.instruction < b.instruction; });
  alternative_counts_.assign(alternatives_.size(), 0);
  for (std::size_t i = 0; i < alternatives_.size();) {
    std::size_t end = i;
    std::uint16_t size = 0;
    while (end < alternatives_.size() && alternatives_[end].instruction == alternatives_[i].instruction)
      size = std::max<std::uint16_t>(size, alternatives_[end++].size);
    alternative_counts_[i] = static_cast<std::uint32_t>(end - i);
    places_.push_back(
        {alternatives_[i].instruction, static_cast<std::uint32_t>(i), size, BootPatch::alternative, 0});
    i = end;
  }
  std::erase_if(places_, [](const BootPlace& one) { return one.size == 0; });
  std::stable_sort(places_.begin(), places_.end(), [](const BootPlace& a, const BootPlace& b) {
    if (a.first != b.first) return a.first < b.first;
    const bool of_a = a.patch == BootPatch::alternative, of_b = b.patch == BootPatch::alternative;
    return of_a != of_b ? of_a : a.size > b.size;
  });
  places_.shrink_to_fit();
}

std::span<const Alternative> BootPlaces::alternatives(std::uint32_t index) const {
  if (index >= alternatives_.size()) return {};
  return std::span(alternatives_).subspan(index, alternative_counts_[index]);
}

std::span<const BootPlace> BootPlaces::from(std::uint64_t first) const {
  const auto found =
      std::lower_bound(places_.begin(), places_.end(), first,
                       [](const BootPlace& one, std::uint64_t address) { return one.first < address; });
  return std::span(places_).subspan(static_cast<std::size_t>(found - places_.begin()));
}

const BootPlace* BootPlaces::at(std::uint64_t address) const {
  // Sizes are 8 bits wide in every table.
  const std::uint64_t lowest = address > 255 ? address - 255 : 0;
  const BootPlace* best = nullptr;
  for (const BootPlace& place : from(lowest)) {
    if (place.first > address) break;
    if (place.end() <= address) continue;
    const bool alternative = place.patch == BootPatch::alternative;
    if (best == nullptr || (alternative && best->patch != BootPatch::alternative) ||
        (alternative == (best->patch == BootPatch::alternative) && place.size > best->size))
      best = &place;
  }
  return best;
}

}  // namespace ringside::guest::linux
