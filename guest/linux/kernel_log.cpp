// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/kernel_log.h"

#include "guest/linux/kernel_log_layout.h"

#include <algorithm>
#include <cstring>
#include <span>

namespace ringside::guest::linux {

namespace {

// enum desc_state; the same numbers since the ring buffer came with 5.10.
enum State : std::uint8_t { reserved = 0, committed = 1, finalized = 2, reusable = 3 };
// FAILED_LPOS: the text was lost. NO_LPOS, later EMPTY_LINE_LPOS: there is none.
constexpr std::uint64_t kLost = 1, kNoText = 3;

constexpr std::uint64_t kMaxRecords = 1u << 19;
constexpr std::uint64_t kMaxTextBytes = std::uint64_t{64} << 20;
constexpr std::uint64_t kChunk = 128;  ///< descriptors read at a time

class LogReader {
 public:
  LogReader(Kernel& kernel, const LogPlace& place)
      : kernel_(kernel), layout_(place.layout), ring_(place.ring) {}

  Listing<LogRecord> read() {
    std::uint64_t left = ((ring_.head_id - ring_.tail_id) & ring_.id_mask()) + 1;
    std::uint64_t id = ring_.tail_id;
    if (left > kMaxRecords) {
      listing_.problem({Errc::out_of_bounds, "the kernel's log has more than " + std::to_string(kMaxRecords) +
                                                 " records: the oldest are left out"});
      id += left - kMaxRecords;
      left = kMaxRecords;
    }
    while (left > 0 && !full_) {
      id &= ring_.id_mask();
      const std::uint64_t index = id & (ring_.count - 1);
      const std::uint64_t here = std::min({left, kChunk, ring_.count - index});
      if (auto done = read_chunk(id, index, here); !done) listing_.problem(std::move(done).error());
      id += here;
      left -= here;
    }
    return std::move(listing_);
  }

 private:
  Result<void> read_chunk(std::uint64_t id, std::uint64_t index, std::uint64_t count) {
    descriptors_.resize(count * layout_.descriptor_size);
    infos_.resize(count * layout_.info_size);
    RINGSIDE_CHECK(kernel_.space().read(ring_.descriptors + index * layout_.descriptor_size, descriptors_));
    RINGSIDE_CHECK(kernel_.space().read(ring_.infos + index * layout_.info_size, infos_));
    for (std::uint64_t i = 0; i < count && !full_; ++i) {
      if (auto done = read_record(
              (id + i) & ring_.id_mask(), index + i,
              ByteView(descriptors_).subspan(i * layout_.descriptor_size, layout_.descriptor_size),
              ByteView(infos_).subspan(i * layout_.info_size, layout_.info_size));
          !done)
        listing_.problem(std::move(done).error());
    }
    return {};
  }

  /// 0 for what lies outside: layouts come from the guest.
  std::uint64_t word(ByteView bytes, std::uint32_t offset) const {
    return ring_.word == 8 ? load_le<std::uint64_t>(bytes, offset).value_or(0)
                           : load_le<std::uint32_t>(bytes, offset).value_or(0);
  }

  Result<void> read_record(std::uint64_t id, std::uint64_t index, ByteView descriptor, ByteView info) {
    const std::uint64_t variable = word(descriptor, layout_.state);
    const auto state = static_cast<std::uint8_t>(variable >> (8 * ring_.word - 2));
    // Another id: not written yet. Reserved: being written. Reusable: given up, perhaps overwritten by now.
    if ((variable & ring_.id_mask()) != id || state == reserved || state == reusable) return {};
    LogRecord record;
    record.gva = ring_.infos + index * layout_.info_size;
    record.finalized = state == finalized;
    record.sequence = load_le<std::uint64_t>(info, layout_.sequence).value_or(0);
    record.timestamp = load_le<std::uint64_t>(info, layout_.timestamp).value_or(0);
    record.facility = load_le<std::uint8_t>(info, layout_.facility).value_or(0);
    record.level = static_cast<std::uint8_t>(
        (load_le<std::uint8_t>(info, layout_.level.offset).value_or(0) >> layout_.level.bit_offset) & 7);
    record.caller = load_le<std::uint32_t>(info, layout_.caller).value_or(0);
    if ((record.sequence & (ring_.count - 1)) != index)
      return fail(Errc::malformed, "record " + std::to_string(record.sequence) +
                                       " of the kernel's log stands in the "
                                       "place of another");
    if (layout_.subsystem) record.subsystem = text_of(info, *layout_.subsystem);
    if (layout_.device) record.device = text_of(info, *layout_.device);
    const std::uint64_t begin = word(descriptor, layout_.begin), next = word(descriptor, layout_.next);
    if ((begin & 1) != 0 && (next & 1) != 0) {
      if (begin != kNoText || next != kNoText) return {};  // lost, which is how a full log behaves
    } else {
      const auto length = load_le<std::uint16_t>(info, layout_.text_length).value_or(0);
      auto text = read_text(begin, next, length);
      if (!text)
        return fail(
            text.error().within("record " + std::to_string(record.sequence) + " of the kernel's log"));
      record.text = std::move(*text);
    }
    listing_.entries.push_back(std::move(record));
    return {};
  }

  static std::string text_of(ByteView info, const Field& field) {
    if (field.offset > info.size() || field.size > info.size() - field.offset) return {};
    const auto bytes = info.subspan(field.offset, field.size);
    const auto* first = reinterpret_cast<const char*>(bytes.data());
    return {first, strnlen(first, bytes.size())};
  }

  /// The text of a data block (get_data(), kernel/printk/printk_ringbuffer.c): an id of one word, then the
  /// text. A block that would go past the end of the ring stands at its start instead. One that ends just
  /// there does not (since 6.18; before, no block could).
  Result<std::string> read_text(std::uint64_t begin, std::uint64_t next, std::uint16_t length) {
    const std::uint64_t size = ring_.data_size, words = ring_.word == 8 ? ~std::uint64_t{0} : 0xffffffffu;
    const auto turn = [&](std::uint64_t position) { return (position & words) / size; };
    std::uint64_t at = 0, room = 0;
    if (turn(begin) == turn(next - 1)) {
      at = begin & (size - 1);
      room = (next - begin) & words;
    } else if (turn(begin + size) == turn(next - 1)) {
      room = ((next - 1) & (size - 1)) + 1;
    }
    if (room < ring_.word || room > size || room - ring_.word < length)
      return fail(Errc::malformed, "its text does not fit its place");
    if (text_bytes_ + length > kMaxTextBytes) {
      full_ = true;
      return fail(Errc::out_of_bounds, "the records before it hold more text than can be");
    }
    text_bytes_ += length;
    std::string text(length, '\0');
    RINGSIDE_CHECK(
        kernel_.space().read(ring_.data + at + ring_.word, std::as_writable_bytes(std::span(text))));
    return text;
  }

  Kernel& kernel_;
  const LogLayout layout_;
  const LogRing ring_;
  Listing<LogRecord> listing_;
  Bytes descriptors_, infos_;
  std::uint64_t text_bytes_ = 0;
  bool full_ = false;
};

}  // namespace

std::string caller_name(std::uint32_t caller) {
  constexpr std::uint32_t kNoTask = 0x80000000;
  return (caller & kNoTask) != 0 ? "C" + std::to_string(caller & ~kNoTask) : "T" + std::to_string(caller);
}

Result<Listing<LogRecord>> kernel_log(Kernel& kernel) {
  RINGSIDE_TRY(const LogPlace place, find_log(kernel));
  return LogReader(kernel, place).read();
}

}  // namespace ringside::guest::linux
