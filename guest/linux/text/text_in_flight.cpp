// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/text/text_in_flight.h"

#include <algorithm>

namespace ringside::guest::linux {

namespace {

constexpr std::uint64_t kMaxEntries = 4096;

/// Whether anybody uses the descriptor, and where its entries are.
struct Descriptor {
  bool live = false;
  Gva entries;
  std::uint64_t count = 0;
  std::uint64_t size = 0;  ///< bytes of an entry
  std::uint32_t address = 0;
};

Result<Descriptor> entries_of(Kernel& kernel, Gva entries, std::uint64_t count, const char* type) {
  RINGSIDE_TRY(const Types* types, kernel.types());
  Descriptor found{true, entries, std::min(count, kMaxEntries), 0, 0};
  RINGSIDE_TRY(found.size, types->size_of(type));
  RINGSIDE_TRY(found.address, kernel.offset(type, "rel_addr"));
  if (found.size == 0 || found.size > 256) return fail(Errc::out_of_bounds, "a text_poke entry has no size");
  return found;
}

/// From 7.x on: one array, counted per CPU.
Result<Descriptor> of_array(Kernel& kernel, Gva array) {
  RINGSIDE_TRY(const auto offsets, kernel.per_cpu_offsets());
  RINGSIDE_TRY(const Gva counter, kernel.symbol("text_poke_array_refs"));
  bool live = false;
  for (const std::uint64_t offset : offsets) {
    const auto count = kernel.read<std::uint32_t>(counter + offset);
    live = live || (count && *count != 0);
  }
  if (!live) return Descriptor{};
  RINGSIDE_TRY(const Field vector, kernel.field("smp_text_poke_array", "vec"));
  RINGSIDE_TRY(const Field number, kernel.field("smp_text_poke_array", "nr_entries"));
  RINGSIDE_TRY(const std::uint64_t count, kernel.read_field(array, number));
  return entries_of(kernel, array + vector.offset, count, "smp_text_poke_loc");
}

Result<Descriptor> of_descriptor(Kernel& kernel, Gva descriptor) {
  RINGSIDE_TRY(const std::uint32_t uses, kernel.offset("bp_patching_desc", "refs"));
  RINGSIDE_TRY(const auto count, kernel.read<std::uint32_t>(descriptor + uses));
  if (count == 0) return Descriptor{};
  RINGSIDE_TRY(const Field vector, kernel.field("bp_patching_desc", "vec"));
  RINGSIDE_TRY(const Field number, kernel.field("bp_patching_desc", "nr_entries"));
  RINGSIDE_TRY(const Gva entries, kernel.read_pointer_field(descriptor, vector));
  RINGSIDE_TRY(const std::uint64_t entry_count, kernel.read_field(descriptor, number));
  return entries_of(kernel, entries, entry_count, "text_poke_loc");
}

}  // namespace

Result<std::vector<Gva>> text_in_flight(Kernel& kernel) {
  Descriptor found;
  if (const auto array = kernel.find_symbol("text_poke_array")) {
    RINGSIDE_TRY(found, of_array(kernel, *array));
  } else {
    RINGSIDE_TRY(const Gva descriptor, kernel.symbol("bp_desc"));
    RINGSIDE_TRY(found, of_descriptor(kernel, descriptor));
  }
  std::vector<Gva> addresses;
  // A descriptor that is let go at this moment may point to freed memory: what is read then is nothing.
  for (std::uint64_t i = 0; found.live && i < found.count; ++i) {
    const auto distance = kernel.read<std::uint32_t>(found.entries + i * found.size + found.address);
    if (!distance) break;
    addresses.push_back(kernel.identity().text.first +
                        static_cast<std::uint64_t>(std::int64_t{static_cast<std::int32_t>(*distance)}));
  }
  std::sort(addresses.begin(), addresses.end());
  return addresses;
}

}  // namespace ringside::guest::linux
