// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/pages/executable_pages.h"

#include "guest/linux/pages/code_contents.h"
#include "guest/linux/pages/vmalloc_areas.h"

#include <algorithm>
#include <array>

namespace ringside::guest::linux {

namespace {

/// Most rows: each takes a page of its own.
constexpr std::size_t kMaxRows = 1u << 20;
/// Most pages of spare memory that are looked through: 256 MiB.
constexpr std::uint64_t kMaxFillerPages = 1u << 16;

class Accounting {
 public:
  Accounting(Kernel& kernel, const KernelMappings& mappings, bool contents)
      : kernel_(kernel), areas_(vmalloc_areas(kernel)), check_(kernel, mappings), contents_(contents) {
    auto owners = code_owners(kernel);
    owners_ = std::move(owners.entries);
    for (Error& error : owners.problems) listing_.problem(std::move(error));
    for (const Error& error : areas_.problems) listing_.problem(error);
    verdicts_.resize(owners_.size());
    // Owners may share their first or last page; a long one reaches over those that follow it.
    reach_.reserve(owners_.size());
    Gva reach{0};
    for (const CodeOwner& owner : owners_) reach_.push_back(reach = std::max(reach, owner.last_page()));
  }

  void take(const x86::Mapping& run) {
    Gva at = run.gva;
    const Gva end = run.gva + run.size;
    while (at != end) {
      const CodeOwner* owner = owner_of(at);
      const Gva next = owner != nullptr ? std::min(end, owner->last_page() + kPageSize) : next_owner(at, end);
      if (owner != nullptr)
        add(run, at, next, owner);
      else
        take_unowned(run, at, next);
      at = next;
    }
  }
  Listing<ExecutablePages> finish() { return std::move(listing_); }

 private:
  const CodeOwner* owner_of(Gva page) const {
    auto after = std::upper_bound(owners_.begin(), owners_.end(), page + (kPageSize - 1),
                                  [](Gva value, const CodeOwner& one) { return value < one.first; });
    while (after != owners_.begin()) {
      --after;
      if (after->last_page() >= page) return &*after;
      if (reach_[static_cast<std::size_t>(after - owners_.begin())] < page) break;
    }
    return nullptr;
  }
  /// Where the next owner's pages start, at most `end`.
  Gva next_owner(Gva page, Gva end) const {
    const auto next = std::upper_bound(owners_.begin(), owners_.end(), page,
                                       [](Gva value, const CodeOwner& one) { return value < one.first; });
    return next == owners_.end() ? end : std::min(end, page_of(next->first));
  }

  void add(const x86::Mapping& run, Gva first, Gva end, const CodeOwner* owner) {
    ExecutablePages row = pages(run, first, end);
    row.owner = owner->kind;
    row.owner_name = owner->name;
    if (contents_) {
      auto& verdict = verdicts_[static_cast<std::size_t>(owner - owners_.data())];
      if (!verdict) verdict = check_.of(*owner);
      row.content = verdict->content;
      row.why = verdict->why;
      row.wrong = verdict->at;
    }
    append(std::move(row));
  }
  /// Pages that nobody claims, in [first, end): spare memory for code, or hidden code.
  void take_unowned(const x86::Mapping& run, Gva first, Gva end) {
    while (first != end) {
      const VmallocArea* area = find_area(areas_, first);
      Gva next = area != nullptr ? std::min(end, area->start + area->size) : next_area(first, end);
      ExecutablePages row = pages(run, first, next);
      // mm/execmem.c, execmem_cache_populate(): from 7.0 on, memory for code is executable before it is used.
      const bool cache = row.area && row.area->starts_with("execmem_");
      if (cache && filler_pages_ < kMaxFillerPages) {
        ++filler_pages_;
        next = first + kPageSize;
        row.size = kPageSize;
        if (check_.is_filler(first, kPageSize)) {
          row.owner = CodeOwnerKind::filler;
          row.content = CodeContent::ok;
        }
      }
      if (!row.owner) row.why = "nobody that is known has code here";
      append(std::move(row));
      first = next;
    }
  }
  /// Where the next area of vmalloc starts, at most `end`.
  Gva next_area(Gva page, Gva end) const {
    const auto next = std::upper_bound(areas_.entries.begin(), areas_.entries.end(), page,
                                       [](Gva value, const VmallocArea& one) { return value < one.start; });
    return next == areas_.entries.end() ? end : std::min(end, next->start);
  }

  ExecutablePages pages(const x86::Mapping& run, Gva first, Gva end) {
    ExecutablePages row;
    row.first = first;
    row.size = end - first;
    row.gpa = run.gpa + (first - run.gva);
    row.page_size = run.page_size;
    row.writable = run.permissions.writable;
    if (const VmallocArea* area = find_area(areas_, first)) row.area = caller_name(*area);
    return row;
  }
  std::string caller_name(const VmallocArea& area) {
    if (!area.caller) return {};
    if (auto name = function_name(kernel_, *area.caller); !name.empty()) return name;
    return to_string(*area.caller);
  }
  void append(ExecutablePages row) {
    auto& rows = listing_.entries;
    if (!rows.empty()) {
      ExecutablePages& last = rows.back();
      if (last.first + last.size == row.first && last.owner == row.owner &&
          last.owner_name == row.owner_name && last.page_size == row.page_size &&
          last.writable == row.writable && last.area == row.area && last.content == row.content &&
          last.why == row.why) {
        last.size += row.size;
        return;
      }
    }
    if (rows.size() < kMaxRows) {
      rows.push_back(std::move(row));
    } else if (!full_) {
      full_ = true;
      listing_.problem({Errc::out_of_bounds, "more than " + std::to_string(kMaxRows) + " executable pages"});
    }
  }

  Kernel& kernel_;
  const Listing<VmallocArea>& areas_;
  CodeContents check_;
  bool contents_, full_ = false;
  std::uint64_t filler_pages_ = 0;  ///< looked through
  std::vector<CodeOwner> owners_;
  std::vector<Gva> reach_;  ///< last page of each owner and of those before it
  std::vector<std::optional<CodeContents::Verdict>> verdicts_;
  Listing<ExecutablePages> listing_;
};

}  // namespace

std::string_view to_string(CodeContent content) {
  constexpr std::array<std::string_view, 3> kNames = {"ok", "wrong", "not_checked"};
  const auto number = static_cast<std::size_t>(content);
  return number < kNames.size() ? kNames[number] : "?";
}

Result<void> require_booted(Kernel& kernel) {
  const auto booted = kernel.booted();
  if (booted && !*booted)
    return fail(Errc::unavailable, "the kernel is still booting: it has not protected its memory yet");
  return {};
}

Result<Listing<ExecutablePages>> executable_pages(Kernel& kernel, bool contents) {
  const auto& mappings = KernelMappings::of(kernel);
  if (!mappings) return fail(mappings.error());
  if (!mappings->can_forbid_execution())
    return fail(Errc::unsupported,
                "this guest's page tables cannot forbid execution: all that is mapped is executable, and "
                "nothing tells code from data");
  RINGSIDE_CHECK(require_booted(kernel));
  Accounting accounting(kernel, *mappings, contents);
  for (const x86::LeafRun& run : mappings->runs())
    if (run.mapping.permissions.executable) accounting.take(run.mapping);
  auto listing = accounting.finish();
  if (mappings->problem()) listing.problem(*mappings->problem());
  return listing;
}

}  // namespace ringside::guest::linux
