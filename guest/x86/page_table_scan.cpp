// SPDX-License-Identifier: Apache-2.0
#include "guest/snapshot.h"
#include "guest/x86/page_leaves.h"
#include "guest/x86/page_tables.h"
#include "guest/x86/paging_format.h"

#include <cstring>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace ringside::guest::x86 {

namespace {

/// One enumeration. The depth is fixed by the paging mode, and every visit of a table counts against the
/// bound, a table met again included: a guest can make 512^4 visits out of one page.
class Scan {
 public:
  using Visitor = std::function<bool(const LeafRun&)>;

  /// `leaf_bits`: pages whose own entries differ are told apart even where their rights are equal.
  Scan(Snapshot& snapshot, const PagingRoot& root, const PageTables::Bounds& bounds, const Visitor& visit,
       bool leaf_bits)
      : snapshot_(snapshot),
        root_(root),
        bounds_(bounds),
        visit_(visit),
        leaf_bits_(leaf_bits),
        format_(PagingFormat::of(root.mode)) {}

  Result<PageTables::Summary> run() {
    if (bounds_.first > bounds_.last) return summary_;
    prefetch();
    RINGSIDE_CHECK(walk(format_.top_level, {root_.table, Gva{0}}, kAllPermissions));
    if (!stopped_) RINGSIDE_CHECK(flush());
    return summary_;
  }

 private:
  struct Table {
    Gpa gpa;
    Gva base;  ///< the GVA that its entry 0 translates
  };
  using Buffer = std::array<std::byte, kPageSize>;
  struct Entries {
    const std::byte* bytes = nullptr;  ///< entry i at i * entry_size; only [first, end) is there
    unsigned first = 0, end = 0;
  };

  Gva entry_gva(unsigned level, Gva base, unsigned index) const {
    Gva gva = base + index * format_.entry_span(level);
    // The upper half of the highest table translates the addresses whose upper bits are all one.
    if (level == format_.top_level && level >= 4 && index >= 256)
      gva.value |= ~std::uint64_t{0} << (format_.shift(level) + 9);
    return gva;
  }
  bool wanted(unsigned level, Gva base, unsigned index) const {
    const Gva gva = entry_gva(level, base, index);
    return gva <= bounds_.last && gva + (format_.entry_span(level) - 1) >= bounds_.first;
  }

  /// The entries of `table` that translate addresses of interest. What is not of interest is not read, so
  /// that a verdict on the kernel's half does not depend on the other.
  Result<Entries> load(unsigned level, const Table& table, Buffer& buffer) {
    Entries entries;
    entries.end = entry_count(root_.mode, level);
    while (entries.first < entries.end && !wanted(level, table.base, entries.first)) ++entries.first;
    while (entries.end > entries.first && !wanted(level, table.base, entries.end - 1)) --entries.end;
    const std::size_t offset = std::size_t{entries.first} * format_.entry_size;
    const std::size_t size = std::size_t{entries.end - entries.first} * format_.entry_size;
    if (size < kPageSize) {
      RINGSIDE_CHECK(snapshot_.read(table.gpa + offset, std::span(buffer).subspan(offset, size)));
      entries.bytes = buffer.data();
      return entries;
    }
    const auto [held, is_new] = held_.try_emplace(table.gpa.value, nullptr);
    if (is_new) {
      auto page = snapshot_.page(table.gpa);
      if (page)
        held->second = page->data();
      else
        unreadable_.emplace(table.gpa.value, std::move(page).error());
    }
    if (held->second == nullptr) return fail(unreadable_.at(table.gpa.value));
    entries.bytes = held->second;
    return entries;
  }
  std::uint64_t entry(const Entries& entries, unsigned index) const {
    std::uint64_t value = 0;
    if (format_.entry_size == 4) {
      std::uint32_t narrow = 0;
      std::memcpy(&narrow, entries.bytes + std::size_t{index} * 4, 4);
      return narrow;
    }
    std::memcpy(&value, entries.bytes + std::size_t{index} * 8, 8);
    return value;
  }

  /// Brings all tables into the snapshot with one scatter read a level; walk() then finds them there.
  void prefetch() {
    std::vector<Table> level_tables{{root_.table, Gva{0}}}, below;
    std::vector<Gpa> pages;
    std::unordered_set<std::uint64_t> met;  // of one level; a table met twice is looked through once
    Buffer buffer;
    std::uint64_t visits = 0;
    for (unsigned level = format_.top_level;; --level) {
      pages.clear();
      for (const Table& table : level_tables)
        if (snapshot_.map().find(table.gpa) != nullptr) pages.push_back(page_of(table.gpa));
      snapshot_.prefetch(pages);
      if (level == 1) return;
      below.clear();
      met.clear();
      for (const Table& table : level_tables) {
        const auto entries = load(level, table, buffer);
        if (!entries) continue;
        for (unsigned i = entries->first; i < entries->end; ++i) {
          const DecodedEntry decoded = decode_entry(root_, level, entry(*entries, i));
          if (decoded.kind != DecodedEntry::Kind::table || !met.insert(decoded.address.value).second)
            continue;
          if (++visits >= bounds_.max_tables) break;
          below.push_back({decoded.address, entry_gva(level, table.base, i)});
        }
        if (visits >= bounds_.max_tables) break;
      }
      std::swap(level_tables, below);
    }
  }

  Result<void> walk(unsigned level, const Table& table, Permissions above) {
    if (summary_.tables == bounds_.max_tables)
      return fail(Errc::out_of_bounds, "page tables: more than " + std::to_string(bounds_.max_tables) +
                                           " tables to visit, given up at " + to_string(table.base));
    ++summary_.tables;
    Buffer buffer;
    const auto entries = load(level, table, buffer);
    if (!entries) {
      if (level == format_.top_level) return fail(entries.error().within("the top-level page table"));
      ++summary_.unreadable_tables;
      if (!summary_.first_unreadable)
        summary_.first_unreadable = entries.error().within("the page table for " + to_string(table.base));
      return {};
    }
    for (unsigned i = entries->first; i < entries->end && !stopped_; ++i) {
      const std::uint64_t value = entry(*entries, i);
      if ((value & pte::kPresent) == 0) continue;
      const DecodedEntry decoded = decode_entry(root_, level, value);
      const Gva gva = entry_gva(level, table.base, i);
      if (decoded.kind == DecodedEntry::Kind::reserved) {
        ++summary_.malformed_entries;
      } else if (decoded.kind == DecodedEntry::Kind::table) {
        RINGSIDE_CHECK(walk(level - 1, {decoded.address, gva}, above & decoded.permissions));
      } else {
        const Mapping page{gva,
                           decoded.address,
                           decoded.page_size,
                           decoded.page_size,
                           above & decoded.permissions,
                           (value & pte::kGlobal) != 0};
        RINGSIDE_CHECK(take({page, decoded.permissions.user}));
      }
    }
    return {};
  }

  bool continues_run(const LeafRun& leaf) const {
    const Mapping &run = run_->mapping, &page = leaf.mapping;
    return run.gva + run.size == page.gva && run.gpa + run.size == page.gpa &&
           run.page_size == page.page_size && run.permissions == page.permissions &&
           run.global == page.global && (!leaf_bits_ || run_->user == leaf.user);
  }
  Result<void> take(const LeafRun& page) {
    ++summary_.pages;
    if (run_ && continues_run(page)) {
      run_->mapping.size += page.mapping.size;
      return {};
    }
    RINGSIDE_CHECK(flush());
    run_ = page;
    return {};
  }
  Result<void> flush() {
    if (!run_) return {};
    if (runs_ == bounds_.max_mappings)
      return fail(Errc::out_of_bounds, "page tables: more than " + std::to_string(bounds_.max_mappings) +
                                           " mappings, given up at " + to_string(run_->mapping.gva));
    ++runs_;
    if (!visit_(*run_)) stopped_ = true;
    run_.reset();
    return {};
  }

  Snapshot& snapshot_;
  const PagingRoot& root_;
  const PageTables::Bounds& bounds_;
  const Visitor& visit_;
  bool leaf_bits_;
  PagingFormat format_;
  PageTables::Summary summary_;
  std::unordered_map<std::uint64_t, const std::byte*> held_;  ///< so that a shared table is noted once
  std::unordered_map<std::uint64_t, Error> unreadable_;
  std::optional<LeafRun> run_;  ///< not yet given to the visitor
  std::uint64_t runs_ = 0;
  bool stopped_ = false;
};

Result<PageTables::Summary> scan(Snapshot& snapshot, const PagingRoot& root, const PageTables::Bounds& bounds,
                                 const Scan::Visitor& visit, bool leaf_bits) {
  if (root.mode == PagingMode::none)
    return fail(Errc::unsupported, "page tables: paging is off, so there are none");
  return Scan(snapshot, root, bounds, visit, leaf_bits).run();
}

}  // namespace

Result<PageTables::Summary> PageTables::enumerate(const Bounds& bounds,
                                                  const std::function<bool(const Mapping&)>& visit) const {
  return scan(
      snapshot_, root_, bounds, [&](const LeafRun& run) { return visit(run.mapping); }, false);
}

Result<PageTables::Summary> enumerate_leaves(Snapshot& snapshot, const PagingRoot& root,
                                             const PageTables::Bounds& bounds,
                                             const std::function<bool(const LeafRun&)>& visit) {
  return scan(snapshot, root, bounds, visit, true);
}

}  // namespace ringside::guest::x86
