// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/text/jump_table_search.h"

#include <algorithm>

namespace ringside::guest::linux {

namespace {

constexpr std::uint64_t kEntry = 12;  // struct jump_entry {s32 code, s32 target, long key}
constexpr std::uint32_t kInit = 2;    // low bits of jump_entry.key: in code that is freed after boot
constexpr std::uint64_t kFewest = 256;
/// Data of an image ends at most this far behind its text.
constexpr std::uint64_t kReach = std::uint64_t{32} << 20;
constexpr std::uint64_t kMaxRodata = std::uint64_t{16} << 20;

class Search {
 public:
  explicit Search(Kernel& kernel) : identity_(kernel.identity()) {}

  /// Looks through bytes that stand at `start`; each of the three places where a run may begin in turn.
  void look(ByteView bytes, Gva start) {
    for (std::uint64_t phase = 0; phase < kEntry; phase += 4) {
      std::uint64_t run = 0;
      std::uint64_t at = phase;
      for (; at + kEntry <= bytes.size(); at += kEntry) {
        if (is_entry(bytes.subspan(at, kEntry), start + at)) {
          ++run;
          continue;
        }
        end_run(start + at, run);
        run = 0;
      }
      end_run(start + at, run);
    }
  }

  Result<Range> best() const {
    if (longest_ < kFewest || second_ * 2 > longest_)
      return fail(Errc::not_found, "no table of them stands out in read-only data");
    return found_;
  }

 private:
  bool is_code(std::uint32_t address) const {
    return identity_.text.contains(Gva{address}) || identity_.init_text.contains(Gva{address});
  }
  bool is_behind_text(std::uint32_t address) const {
    return Gva{address} >= identity_.text.end && Gva{address} - identity_.text.end < kReach;
  }
  bool is_entry(ByteView entry, Gva at) const {
    const auto word = [&](std::size_t offset) {
      return *load_le<std::uint32_t>(entry, offset) + static_cast<std::uint32_t>(at.value + offset);
    };
    const std::uint32_t key = word(8) & ~3u;
    // Built-in code for module exit is marked as init code too, and stands among init data.
    const bool discarded = (word(8) & kInit) != 0 && is_behind_text(word(0)) && is_behind_text(word(4));
    return (discarded || (is_code(word(0)) && is_code(word(4)))) && Gva{key} >= identity_.text.end &&
           Gva{key} - identity_.text.end < kReach && !is_code(key);
  }
  void end_run(Gva end, std::uint64_t run) {
    if (run > longest_) {
      second_ = longest_;
      longest_ = run;
      found_ = {Gva{end.value - run * kEntry}, end};
    } else {
      second_ = std::max(second_, run);
    }
  }

  const KernelIdentity& identity_;
  std::uint64_t longest_ = 0, second_ = 0;
  Range found_;
};

}  // namespace

Result<Range> find_jump_table(Kernel& kernel) {
  if (kernel.identity().bits != 32)
    return fail(Errc::unsupported,
                "this kernel has no symbols for the table, and no way to find it is known");
  Search search(kernel);
  const Gva first = kernel.identity().text.end;
  std::uint64_t seen = 0;
  // Pages of different sizes that follow one another: the table may go on from one to the next.
  Bytes bytes;
  Gva start;
  const x86::PageTables::Bounds bounds{first, first + kReach, 1u << 12, 1u << 16};
  const auto walked = kernel.space().tables().enumerate(bounds, [&](const x86::Mapping& mapping) {
    if (mapping.permissions.writable) return seen == 0;  // what follows is data
    const std::size_t size = std::min(mapping.size, kMaxRodata - seen);
    if (start + bytes.size() != mapping.gva) {
      search.look(bytes, start);
      bytes.clear();
      start = mapping.gva;
    }
    bytes.resize(bytes.size() + size);
    const auto piece = std::span(bytes).last(size);
    if (kernel.snapshot().peek(mapping.gpa, piece) != size)
      std::fill(piece.begin(), piece.end(), std::byte{0});
    seen += size;
    return seen < kMaxRodata;
  });
  if (!walked) return fail(walked.error());
  search.look(bytes, start);
  return search.best();
}

}  // namespace ringside::guest::linux
