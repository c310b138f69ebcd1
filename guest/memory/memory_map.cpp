// SPDX-License-Identifier: Apache-2.0
#include "guest/memory/memory_map.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>
#include <utility>

namespace ringside::guest::memory {

namespace {

// A guest with every DIMM slot, PAM and SMRAM split filled has some hundred ranges.
constexpr std::size_t kMaxRanges = 1u << 16;

/// Cuts the next line off `text`, without its LF or CRLF.
std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::string_view trim_left(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  return first == std::string_view::npos ? std::string_view{} : text.substr(first);
}

/// Cuts hexadecimal digits off the front; nullopt if there are none or too many.
std::optional<std::uint64_t> take_hex(std::string_view& text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

/// What stands behind "): ": "NAME[ @OFFSET][ ACCELERATOR]". Names may hold spaces, so it is read from its
/// end.
struct NameAndOffset {
  std::string_view name;
  std::uint64_t offset = 0;
};
NameAndOffset parse_name(std::string_view text) {
  for (std::string_view accelerator : {" KVM", " HVF", " WHPX", " NVMM", " MSHV"})
    if (text.ends_with(accelerator)) text.remove_suffix(accelerator.size());
  const std::size_t at = text.rfind(" @");
  if (at != std::string_view::npos) {
    std::string_view digits = text.substr(at + 2);
    const std::optional<std::uint64_t> offset = take_hex(digits);
    if (offset && digits.empty()) return {text.substr(0, at), *offset};
  }
  return {text, 0};
}

/// The kind of memory that a region type stands for; nullopt for what must not be read. A RAM device ("ramd")
/// is host device memory that VFIO maps in: reading it can have side effects, so it counts as MMIO (QEMU
/// softmmu/memory.c, memory_region_type). A ROM device in ROM mode ("romd") reads as plain memory.
std::optional<MemoryRange::Kind> kind_of(std::string_view type) {
  take(type, "nv-");
  if (type == "ram") return MemoryRange::Kind::ram;
  if (type == "rom" || type == "romd") return MemoryRange::Kind::rom;
  return std::nullopt;
}

/// One line "START-END (prio N, TYPE): NAME..."; an empty optional for a region that is no memory.
Result<std::optional<MemoryRange>> parse_range(std::string_view line) {
  const auto malformed = [whole = line] {
    return fail(Errc::malformed,
                "cannot read this line of `info mtree -f`: " + std::string(whole.substr(0, 200)));
  };
  const auto start = take_hex(line);
  if (!start || !take(line, "-")) return malformed();
  const auto last = take_hex(line);
  if (!last || !take(line, " (prio ")) return malformed();
  const std::size_t comma = line.find(", ");
  const std::size_t close = line.find("): ");
  if (comma == std::string_view::npos || close == std::string_view::npos || comma > close) return malformed();
  const auto kind = kind_of(line.substr(comma + 2, close - comma - 2));
  if (!kind) return std::optional<MemoryRange>{};
  if (*last < *start || *last - *start == std::numeric_limits<std::uint64_t>::max()) return malformed();
  const NameAndOffset where = parse_name(line.substr(close + 3));
  return MemoryRange{.start = {*start},
                     .size = *last - *start + 1,
                     .kind = *kind,
                     .block = std::string(where.name),
                     .block_offset = where.offset,
                     .hva = {}};
}

}  // namespace

Result<MemoryMap> MemoryMap::create(std::vector<MemoryRange> ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const MemoryRange& a, const MemoryRange& b) { return a.start < b.start; });
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    const MemoryRange& range = ranges[i];
    if (range.size == 0) return fail(Errc::malformed, "empty memory range at " + to_string(range.start));
    if (range.size > std::numeric_limits<std::uint64_t>::max() - range.start.value)
      return fail(Errc::malformed, "memory range at " + to_string(range.start) + " wraps around");
    if (i > 0 && ranges[i - 1].end() > range.start)
      return fail(Errc::malformed, "memory ranges overlap at " + to_string(range.start));
  }
  MemoryMap map;
  map.ranges_ = std::move(ranges);
  return map;
}

const MemoryRange* MemoryMap::find(Gpa gpa) const {
  const auto after = std::upper_bound(ranges_.begin(), ranges_.end(), gpa,
                                      [](Gpa a, const MemoryRange& range) { return a < range.start; });
  if (after == ranges_.begin()) return nullptr;
  const MemoryRange& range = *std::prev(after);
  return gpa - range.start < range.size ? &range : nullptr;
}

std::uint64_t MemoryMap::ram_size() const {
  std::uint64_t bytes = 0;
  for (const MemoryRange& range : ranges_)
    if (range.kind == MemoryRange::Kind::ram) bytes += range.size;
  return bytes;
}

Result<MemoryMap> parse_flat_view(std::string_view text) {
  std::vector<MemoryRange> ranges;
  bool ours = false;      // this flat view is that of address space "memory"
  bool complete = false;  // it has been seen to its end
  bool rendered = false;
  while (!text.empty() && !complete) {
    const std::string_view line = trim_left(take_line(text));
    if (line.starts_with("FlatView #") || line.empty()) {
      complete = ours && rendered;
      ours = ours && line.empty();
    } else if (line.starts_with("AS \"memory\",")) {
      ours = true;
    } else if (ours && !line.starts_with("AS \"") && !line.starts_with("Root memory region:") &&
               !line.starts_with("No rendered FlatView")) {
      RINGSIDE_TRY(std::optional<MemoryRange> range, parse_range(line));
      rendered = true;
      if (!range) continue;
      if (ranges.size() == kMaxRanges)
        return fail(Errc::oversized, "QEMU lists more than " + std::to_string(kMaxRanges) + " memory ranges");
      ranges.push_back(std::move(*range));
    }
  }
  if (ranges.empty())
    return fail(Errc::malformed, "`info mtree -f` shows no RAM in address space \"memory\"");
  return MemoryMap::create(std::move(ranges));
}

Result<Hva> parse_gpa2hva(std::string_view answer) {
  std::string_view line = take_line(answer);
  const std::size_t is = line.rfind(" is 0x");
  if (!line.starts_with("Host virtual address for ") || is == std::string_view::npos)
    return fail(Errc::malformed, "unexpected answer to gpa2hva: " + std::string(line.substr(0, 200)));
  std::string_view digits = line.substr(is + 6);
  const auto value = take_hex(digits);
  if (!value || !digits.empty() || *value == 0)
    return fail(Errc::malformed, "unexpected answer to gpa2hva: " + std::string(line.substr(0, 200)));
  return Hva{*value};
}

}  // namespace ringside::guest::memory
