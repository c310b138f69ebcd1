// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/kernel_log_layout.h"

#include "guest/linux/code_references.h"

#include <utility>

namespace ringside::guest::linux {

namespace {

constexpr std::string_view kRing = "printk_ringbuffer", kInfo = "printk_info", kDescriptor = "prb_desc";

/// i386: pointers and atomic_long_t are 4 bytes, u64 is aligned to 4, bit fields are filled from the lowest
/// bit. The structs are the same from 5.10 to 6.1, the last release that Debian built for i386, but for a
/// member that some have at the end of struct prb_desc_ring, which moves the data ring behind it.
LogLayout layout_of_i386(std::uint32_t descriptor_ring_size) {
  LogLayout layout;
  layout.descriptors = 4;
  layout.infos = 8;
  layout.head_id = 12;
  layout.tail_id = 16;
  layout.size_bits = descriptor_ring_size;
  layout.data = descriptor_ring_size + 4;
  layout.descriptor_size = 12;
  layout.begin = 4;
  layout.next = 8;
  layout.info_size = 88;
  layout.timestamp = 8;
  layout.text_length = 16;
  layout.facility = 18;
  layout.level = {.offset = 19, .size = 1, .bit_offset = 5, .bit_size = 3};
  layout.caller = 20;
  layout.subsystem = Field{.offset = 24, .size = 16};
  layout.device = Field{.offset = 40, .size = 48};
  return layout;
}

Result<LogLayout> from_types(Kernel& kernel) {
  RINGSIDE_TRY(const Types* types, kernel.types());
  LogLayout layout;
  const std::pair<std::uint32_t*, std::pair<std::string_view, std::string_view>> wanted[] = {
      {&layout.count_bits, {kRing, "desc_ring.count_bits"}},
      {&layout.descriptors, {kRing, "desc_ring.descs"}},
      {&layout.infos, {kRing, "desc_ring.infos"}},
      {&layout.head_id, {kRing, "desc_ring.head_id"}},
      {&layout.tail_id, {kRing, "desc_ring.tail_id"}},
      {&layout.size_bits, {kRing, "text_data_ring.size_bits"}},
      {&layout.data, {kRing, "text_data_ring.data"}},
      {&layout.state, {kDescriptor, "state_var"}},
      {&layout.begin, {kDescriptor, "text_blk_lpos.begin"}},
      {&layout.next, {kDescriptor, "text_blk_lpos.next"}},
      {&layout.sequence, {kInfo, "seq"}},
      {&layout.timestamp, {kInfo, "ts_nsec"}},
      {&layout.text_length, {kInfo, "text_len"}},
      {&layout.facility, {kInfo, "facility"}},
      {&layout.caller, {kInfo, "caller_id"}}};
  for (const auto& [into, from] : wanted) {
    RINGSIDE_TRY(const Field field, types->field(from.first, from.second));
    *into = field.offset;
  }
  RINGSIDE_TRY(layout.level, types->field(kInfo, "level"));
  RINGSIDE_TRY(const std::uint64_t descriptor_size, types->size_of(kDescriptor));
  RINGSIDE_TRY(const std::uint64_t info_size, types->size_of(kInfo));
  if (descriptor_size > 4096 || info_size > 4096)
    return fail(Errc::out_of_bounds, "the types of the log's records are larger than a page");
  layout.descriptor_size = static_cast<std::uint32_t>(descriptor_size);
  layout.info_size = static_cast<std::uint32_t>(info_size);
  if (const auto field = types->field(kInfo, "dev_info.subsystem")) layout.subsystem = *field;
  if (const auto field = types->field(kInfo, "dev_info.device")) layout.device = *field;
  return layout;
}

Result<LogRing> ring_at(Kernel& kernel, Gva ring, const LogLayout& layout) {
  LogRing found;
  found.word = kernel.pointer_size();
  RINGSIDE_TRY(const std::uint32_t count_bits, kernel.read<std::uint32_t>(ring + layout.count_bits));
  RINGSIDE_TRY(const std::uint32_t size_bits, kernel.read<std::uint32_t>(ring + layout.size_bits));
  if (count_bits > kMaxLogCountBits || size_bits > kMaxLogSizeBits || count_bits < 2 || size_bits < 4)
    return fail(Errc::out_of_bounds, "the kernel's log claims 2^" + std::to_string(count_bits) +
                                         " records in 2^" + std::to_string(size_bits) + " bytes");
  found.count = std::uint64_t{1} << count_bits;
  found.data_size = std::uint64_t{1} << size_bits;
  RINGSIDE_TRY(found.descriptors, kernel.read_pointer(ring + layout.descriptors));
  RINGSIDE_TRY(found.infos, kernel.read_pointer(ring + layout.infos));
  RINGSIDE_TRY(found.data, kernel.read_pointer(ring + layout.data));
  RINGSIDE_TRY(const Gva head, kernel.read_pointer(ring + layout.head_id));
  RINGSIDE_TRY(const Gva tail, kernel.read_pointer(ring + layout.tail_id));
  found.head_id = head.value & found.id_mask();
  found.tail_id = tail.value & found.id_mask();
  if (((found.head_id - found.tail_id) & found.id_mask()) >= found.count)
    return fail(Errc::malformed,
                "the newest and the oldest record of the kernel's log are further apart than "
                "there is room for records");
  return found;
}

/// True if the descriptor that the tail names says so itself: what is no ring buffer does not.
bool plausible(Kernel& kernel, const LogRing& ring, const LogLayout& layout) {
  const auto tail = ring.descriptors + (ring.tail_id & (ring.count - 1)) * layout.descriptor_size;
  const auto state = kernel.read_pointer(tail + layout.state);
  return state && (state->value & ring.id_mask()) == ring.tail_id;
}

/// i386 kernels name no data: `prb` is one of the addresses that the functions which read the log hold in
/// their code, and the one that points to a ring buffer.
Result<std::pair<LogLayout, Gva>> search(Kernel& kernel) {
  for (const Gva candidate : code_references(
           kernel, {"log_buf_vmcoreinfo_setup", "devkmsg_read", "syslog_print", "kmsg_dump_rewind"})) {
    const auto ring = kernel.read_pointer(candidate);
    if (!ring || ring->value == 0) continue;
    for (const std::uint32_t size : {20u, 24u}) {
      const LogLayout layout = layout_of_i386(size);
      const auto found = ring_at(kernel, *ring, layout);
      if (found && plausible(kernel, *found, layout)) return std::pair{layout, *ring};
    }
  }
  return fail(Errc::unavailable,
              "the kernel's log was not found: this kernel names neither its variables nor its "
              "types");
}

}  // namespace

Result<LogPlace> find_log(Kernel& kernel) {
  const auto prb = kernel.find_symbol("prb");
  auto layout = from_types(kernel);
  if (prb && layout) {
    RINGSIDE_TRY(const Gva at, kernel.read_pointer(*prb));
    RINGSIDE_TRY(const LogRing ring, ring_at(kernel, at, *layout));
    return LogPlace{*layout, ring};
  }
  if (kernel.pointer_size() == 8) return fail(prb ? layout.error() : kernel.symbol("prb").error());
  RINGSIDE_TRY(const auto found, search(kernel));
  RINGSIDE_TRY(const LogRing ring, ring_at(kernel, found.second, found.first));
  return LogPlace{found.first, ring};
}

}  // namespace ringside::guest::linux
