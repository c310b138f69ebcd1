// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/unit/support/fake_kernel.h"

#include <cstdint>
#include <string_view>

namespace ringside::testing {

/// A kernel with a printk ring buffer of 16 records and 1 KiB of text, whose layout no release has. Records
/// go in one after the other, as the kernel writes them.
class LogWorld {
 public:
  using Gva = guest::Gva;
  enum State : std::uint64_t { reserved = 0, committed = 1, finalized = 2, reusable = 3 };
  static constexpr std::uint64_t kCount = 16, kTextBytes = 1024;
  struct Ring {
    static constexpr std::uint32_t count_bits = 8, descriptors = 16, infos = 24, head_id = 32, tail_id = 40,
                                   size_bits = 56, data = 64, size = 96;
  };
  struct Descriptor {
    static constexpr std::uint32_t state = 8, begin = 16, next = 24, size = 40;
  };
  struct Info {
    static constexpr std::uint32_t sequence = 8, timestamp = 16, text_length = 24, facility = 26, level = 27,
                                   caller = 28, subsystem = 32, device = 48, size = 104;
  };

  /// `first`: sequence number of the first record, and where the text begins: high numbers wrap soon.
  explicit LogWorld(std::uint64_t first = 0, std::uint64_t position = 0)
      : sequence_(first), first_(first), position_(position) {
    describe();
    ring = kernel.allocate(Ring::size);
    kernel.put_pointer(kernel.define_variable("prb", 8), ring.value);
    descriptors = kernel.allocate(kCount * Descriptor::size);
    infos = kernel.allocate(kCount * Info::size);
    data = kernel.allocate(kTextBytes);
    kernel.put(ring + Ring::count_bits, std::uint32_t{4});
    kernel.put(ring + Ring::size_bits, std::uint32_t{10});
    kernel.put_pointer(ring + Ring::descriptors, descriptors.value);
    kernel.put_pointer(ring + Ring::infos, infos.value);
    kernel.put_pointer(ring + Ring::data, data.value);
    kernel.put(ring + Ring::tail_id, id(first));
  }

  Gva descriptor(std::uint64_t sequence) const { return descriptors + sequence % kCount * Descriptor::size; }
  Gva info(std::uint64_t sequence) const { return infos + sequence % kCount * Info::size; }
  static std::uint64_t id(std::uint64_t sequence) { return sequence & ~(std::uint64_t{3} << 62); }

  /// Adds a record; its sequence number.
  std::uint64_t add(std::string_view text, State state = finalized, std::uint8_t level = 6) {
    std::uint64_t size = (8 + text.size() + 7) / 8 * 8, begin = position_, at = begin % kTextBytes;
    if (at + size > kTextBytes) {  // does not fit: stands at the start of the next turn
      begin = position_;
      position_ += kTextBytes - at;
      at = 0;
    }
    position_ += size;
    const std::uint64_t sequence = sequence_++;
    kernel.put(data + at, id(sequence));
    for (std::size_t i = 0; i < text.size(); ++i) kernel.put(data + (at + 8 + i), text[i]);
    put_record(sequence, state, begin, position_, static_cast<std::uint16_t>(text.size()), level);
    return sequence;
  }
  void put_record(std::uint64_t sequence, State state, std::uint64_t begin, std::uint64_t next,
                  std::uint16_t length, std::uint8_t level = 6) {
    kernel.put(descriptor(sequence) + Descriptor::state,
               static_cast<std::uint64_t>(state) << 62 | id(sequence));
    kernel.put(descriptor(sequence) + Descriptor::begin, begin);
    kernel.put(descriptor(sequence) + Descriptor::next, next);
    kernel.put(info(sequence) + Info::sequence, sequence);
    kernel.put(info(sequence) + Info::timestamp, 1000 + sequence);
    kernel.put(info(sequence) + Info::text_length, length);
    kernel.put(info(sequence) + Info::level, static_cast<std::uint8_t>(level << 5 | 0x1f));
    kernel.put(ring + Ring::head_id, id(sequence));
    sequence_ = sequence + 1;
    if (sequence_ - first_ > kCount) {
      first_ = sequence_ - kCount;
      kernel.put(ring + Ring::tail_id, id(first_));
    }
  }
  /// A record without text: 3 for an empty line, 1 for a lost text.
  std::uint64_t add_dataless(std::uint64_t position) {
    put_record(sequence_, finalized, position, position, 0);
    return sequence_ - 1;
  }

  FakeKernel kernel;
  Gva ring, descriptors, infos, data;

 private:
  void describe() {
    auto& btf = kernel.btf_writer();
    const auto u8 = btf.integer("unsigned char", 1), u16 = btf.integer("short", 2),
               u32 = btf.integer("unsigned int", 4), u64 = btf.integer("unsigned long", 8),
               pointer = btf.pointer(0), subsystem = btf.array(u8, 16), device = btf.array(u8, 48);
    // Member places here are those within the inner struct.
    const auto desc_ring = btf.struct_("prb_desc_ring", 40,
                                       {{"count_bits", u32, 0},
                                        {"descs", pointer, 64},
                                        {"infos", pointer, 128},
                                        {"head_id", u64, 192},
                                        {"tail_id", u64, 256}});
    const auto data_ring = btf.struct_("prb_data_ring", 16, {{"size_bits", u32, 0}, {"data", pointer, 64}});
    btf.struct_(
        "printk_ringbuffer", Ring::size,
        {{"desc_ring", desc_ring, Ring::count_bits * 8}, {"text_data_ring", data_ring, Ring::size_bits * 8}});
    const auto lpos = btf.struct_("prb_data_blk_lpos", 16, {{"begin", u64, 0}, {"next", u64, 64}});
    btf.struct_("prb_desc", Descriptor::size,
                {{"state_var", u64, Descriptor::state * 8}, {"text_blk_lpos", lpos, Descriptor::begin * 8}});
    const auto dev_info =
        btf.struct_("dev_printk_info", 64, {{"subsystem", subsystem, 0}, {"device", device, 128}});
    btf.struct_("printk_info", Info::size,
                {{"seq", u64, Info::sequence * 8},
                 {"ts_nsec", u64, Info::timestamp * 8},
                 {"text_len", u16, Info::text_length * 8},
                 {"facility", u8, Info::facility * 8},
                 {"flags", u8, Info::level * 8, 5},
                 {"level", u8, Info::level * 8 + 5, 3},
                 {"caller_id", u32, Info::caller * 8},
                 {"dev_info", dev_info, Info::subsystem * 8}},
                true);
  }

  std::uint64_t sequence_, first_, position_;
};

}  // namespace ringside::testing
