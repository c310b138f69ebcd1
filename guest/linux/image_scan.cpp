// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/image_scan.h"

#include <fmt/format.h>

#include <algorithm>

namespace ringside::guest::linux {

namespace {

constexpr std::uint64_t kAbove = std::uint64_t{96} << 20, kBelow = std::uint64_t{48} << 20;
constexpr std::size_t kChunk = std::size_t{2} << 20;
constexpr std::size_t kOverlap = 64;                      // longer than a signature
constexpr std::uint64_t kReach = std::uint64_t{8} << 20;  // to both sides of a signature
constexpr unsigned kMaxPlaces = 32;

/// The search and what it needs from step to step.
class Search {
 public:
  Search(Snapshot& snapshot, const EntryGate& gate, std::vector<std::string>& steps)
      : snapshot_(snapshot), gate_(gate), steps_(steps), buffer_(kChunk) {}

  /// Looks at [first, end) of guest-physical memory.
  std::shared_ptr<const SymbolTable> look(std::uint64_t first, std::uint64_t end) {
    for (std::uint64_t at = first; at < end && places_ < kMaxPlaces; at += kChunk - kOverlap) {
      const std::size_t size = std::min<std::uint64_t>(kChunk, end - at);
      const std::span<std::byte> chunk = std::span(buffer_).first(size);
      if (snapshot_.peek(Gpa{at}, chunk) == 0) continue;
      for (auto hit = find_kallsyms_signature(chunk); hit && places_ < kMaxPlaces;
           hit = find_kallsyms_signature(chunk, *hit + 1)) {
        if (at + *hit <= last_place_ && last_place_ != 0) continue;  // seen already, in the overlap
        last_place_ = at + *hit;
        ++places_;
        if (auto symbols = try_place(at + *hit)) return symbols;
      }
    }
    return nullptr;
  }

  unsigned places() const { return places_; }

 private:
  std::shared_ptr<const SymbolTable> try_place(std::uint64_t signature) {
    const std::uint64_t start = (signature > kReach ? signature - kReach : 0) & ~(kPageSize - 1);
    Bytes window(signature + kReach - start);
    snapshot_.peek(Gpa{start}, window);
    const Gva window_start{start + gate_.delta()};
    const unsigned pointer_size =
        gate_.root.mode == x86::PagingMode::four_level || gate_.root.mode == x86::PagingMode::five_level ? 8
                                                                                                         : 4;
    const auto tables = find_kallsyms(window, window_start, signature - start, pointer_size, gate_.handlers);
    const std::string where = "kallsyms at GPA " + hex_address(signature);
    if (!tables) {
      note_passed_over(where, tables.error());
      return nullptr;
    }
    Bytes bytes(window.begin() + static_cast<std::ptrdiff_t>(tables->first),
                window.begin() + static_cast<std::ptrdiff_t>(tables->end));
    auto symbols = SymbolTable::build(std::move(bytes), window_start + tables->first, *tables);
    if (!symbols) {
      note_passed_over(where, symbols.error());
      return nullptr;
    }
    steps_.push_back(where + fmt::format(": {} symbols", tables->count));
    return std::move(*symbols);
  }

  /// Two or three places in every kernel look like a token table: lists of digits. One line for all of them.
  void note_passed_over(const std::string& where, const Error& why) {
    if (places_ == 1) steps_.push_back("passed over:");
    steps_.back() += " " + where + " (" + why.message + ")";
  }

  Snapshot& snapshot_;
  const EntryGate& gate_;
  std::vector<std::string>& steps_;
  Bytes buffer_;
  std::uint64_t last_place_ = 0;
  unsigned places_ = 0;
};

}  // namespace

Result<std::shared_ptr<const SymbolTable>> find_symbols(Snapshot& snapshot, const EntryGate& gate,
                                                        std::vector<std::string>& steps) {
  Search search(snapshot, gate, steps);
  const std::uint64_t text = page_of(gate.page_fault_gpa).value;
  // Read-only data follows text, so upwards first.
  if (auto symbols = search.look(text, text + kAbove)) return symbols;
  if (auto symbols = search.look(text > kBelow ? text - kBelow : 0, text)) return symbols;
  return fail(
      Errc::unsupported,
      fmt::format(
          "no kallsyms within reach of the page-fault handler {} ({} places looked like it): this is no "
          "Linux kernel, or one without CONFIG_KALLSYMS",
          to_string(gate.page_fault), search.places()));
}

}  // namespace ringside::guest::linux
