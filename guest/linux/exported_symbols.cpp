// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/exported_symbols.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace ringside::guest::linux {
namespace {

/// Read-only data starts where text ends; the tables stand within its first few MiB.
constexpr std::size_t kSearched = std::size_t{8} << 20;
/// Variables stand at most this far from the start of text.
constexpr std::uint32_t kMaxImage = 64u << 20;
/// struct kernel_symbol: three 32-bit offsets, each relative to itself: value, name, namespace.
constexpr std::uint32_t kEntrySize = 12, kNameField = 4;
constexpr std::size_t kMinEntries = 500, kMaxEntries = 65536;
constexpr std::size_t kMaxName = 127;
/// Names rise in each of __ksymtab, __ksymtab_gpl and, in 5.10, three more that follow each other.
constexpr unsigned kMaxTables = 5;
constexpr unsigned kMaxPlaces = 32;

bool is_identifier(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !name.empty() && letter(name[0]) && std::all_of(name.begin(), name.end(), [&](char c) {
    return letter(c) || (c >= '0' && c <= '9') || c == '.';
  });
}

struct RawEntry {
  std::string_view name;
  std::uint32_t value = 0;
};
struct Run {
  std::uint32_t first = 0;  ///< offset of the first entry
  std::vector<RawEntry> entries;
};

/// The bytes after text, and the tables in them.
class ReadOnlyData {
 public:
  explicit ReadOnlyData(Kernel& kernel)
      : kernel_(kernel),
        start_(static_cast<std::uint32_t>(page_of(kernel.identity().text.end).value)),
        bytes_(kSearched) {
    kernel.snapshot().peek(gpa(start_), bytes_);
  }

  /// The longest run of entries that one for `probe` is in.
  Run find(std::string_view probe) const {
    Run best;
    const auto names = places_of(probe);
    for (std::uint32_t at = 0; !names.empty() && at + kEntrySize <= bytes_.size(); at += 4) {
      const auto target = target_of(at);
      if (std::find(names.begin(), names.end(), target) == names.end() || at < kNameField) continue;
      auto run = run_around(at - kNameField);
      if (run.entries.size() > best.entries.size()) best = std::move(run);
    }
    return best;
  }

  /// Has the snapshot keep the pages of `run`, for when it is saved.
  void keep(const Run& run) {
    std::vector<Gpa> pages;
    for (std::size_t i = 0; i < run.entries.size(); ++i)
      pages.push_back(gpa(start_ + run.first + static_cast<std::uint32_t>(i) * kEntrySize));
    for (const auto& entry : run.entries)
      pages.push_back(gpa(start_ + static_cast<std::uint32_t>(as_bytes(entry.name).data() - bytes_.data())));
    kernel_.snapshot().prefetch(pages);
  }

 private:
  Gpa gpa(std::uint32_t gva) const {
    const auto& identity = kernel_.identity();
    return identity.image_gpa + (Gva{gva} - identity.image.first);
  }
  std::uint32_t target_of(std::uint32_t at) const {
    return start_ + at + load_le<std::uint32_t>(bytes_, at).value_or(0);
  }

  std::vector<std::uint32_t> places_of(std::string_view probe) const {
    std::vector<std::uint32_t> places;
    const std::string wanted = '\0' + std::string(probe) + '\0';
    for (std::size_t at = 0; places.size() < kMaxPlaces && at + wanted.size() <= bytes_.size(); ++at) {
      const void* hit = memmem(bytes_.data() + at, bytes_.size() - at, wanted.data(), wanted.size());
      if (hit == nullptr) break;
      at = static_cast<std::size_t>(static_cast<const std::byte*>(hit) - bytes_.data());
      places.push_back(start_ + static_cast<std::uint32_t>(at) + 1);
    }
    return places;
  }

  std::optional<RawEntry> entry(std::uint32_t at) const {
    if (at > bytes_.size() || bytes_.size() - at < kEntrySize) return std::nullopt;
    const std::uint32_t name_at = target_of(at + kNameField) - start_;
    if (name_at >= bytes_.size()) return std::nullopt;
    const std::size_t most = std::min(kMaxName + 1, bytes_.size() - name_at);
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast)
    const auto* text = reinterpret_cast<const char*>(bytes_.data()) + name_at;
    const void* end = std::memchr(text, 0, most);
    if (end == nullptr) return std::nullopt;
    const RawEntry found{{text, static_cast<std::size_t>(static_cast<const char*>(end) - text)},
                         target_of(at)};
    const auto first = static_cast<std::uint32_t>(kernel_.identity().image.first.value);
    if (!is_identifier(found.name) || found.value - first >= kMaxImage) return std::nullopt;
    return found;
  }

  Run run_around(std::uint32_t at) const {
    Run run{at, {}};
    for (std::size_t i = 0; i < kMaxEntries && run.first >= kEntrySize && entry(run.first - kEntrySize); ++i)
      run.first -= kEntrySize;
    for (std::uint32_t next = run.first; run.entries.size() < kMaxEntries; next += kEntrySize) {
      const auto found = entry(next);
      if (!found) break;
      run.entries.push_back(*found);
    }
    return run;
  }

  Kernel& kernel_;
  std::uint32_t start_;
  Bytes bytes_;
};

bool kallsyms_has(Kernel& kernel, const RawEntry& entry) {
  const auto& symbols = kernel.symbols();
  const auto all = symbols.find_all(entry.name);
  return std::any_of(all.begin(), all.end(), [&](std::size_t symbol) {
    return symbols.address(symbol, kernel.slide()) == entry.value;
  });
}

}  // namespace

ExportedSymbols::ExportedSymbols(std::vector<Entry> entries) : entries_(std::move(entries)) {
  std::stable_sort(entries_.begin(), entries_.end(),
                   [](const Entry& a, const Entry& b) { return a.name < b.name; });
  entries_.erase(std::unique(entries_.begin(), entries_.end(),
                             [](const Entry& a, const Entry& b) { return a.name == b.name; }),
                 entries_.end());
}

std::optional<Gva> ExportedSymbols::find(std::string_view name) const {
  const auto found = std::lower_bound(entries_.begin(), entries_.end(), name,
                                      [](const Entry& entry, std::string_view n) { return entry.name < n; });
  if (found == entries_.end() || found->name != name) return std::nullopt;
  return found->address;
}

Result<ExportedSymbols> find_exported_symbols(Kernel& kernel) {
  if (kernel.identity().bits != 32)
    return fail(Errc::unsupported, "exported symbols are looked for in 32-bit kernels only");
  ReadOnlyData data(kernel);
  const Run run = data.find("init_task");
  const auto& raw = run.entries;
  if (raw.size() < kMinEntries)
    return fail(Errc::not_found, "the kernel's table of exported symbols was not found");

  unsigned tables = 1;
  for (std::size_t i = 1; i < raw.size(); ++i) tables += raw[i].name <= raw[i - 1].name ? 1 : 0;
  std::vector<ExportedSymbols::Entry> variables;
  std::size_t functions = 0, agree = 0;
  const auto& identity = kernel.identity();
  for (const RawEntry& entry : raw) {
    const Gva address{entry.value};
    if (identity.text.contains(address) || identity.init_text.contains(address)) {
      ++functions;
      agree += kallsyms_has(kernel, entry) ? 1 : 0;
    } else {
      variables.push_back({std::string(entry.name), address});
    }
  }
  if (tables > kMaxTables || functions == 0 || agree < functions - functions / 20)
    return fail(Errc::mismatch,
                fmt::format("what looks like the kernel's {} exported symbols is out of order or contradicts "
                            "kallsyms ({} of {} functions agree)",
                            raw.size(), agree, functions));
  data.keep(run);
  return ExportedSymbols(std::move(variables));
}

}  // namespace ringside::guest::linux
