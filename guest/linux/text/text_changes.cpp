// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/text/text_changes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace ringside::guest::linux {

namespace {

/// Unexplained runs that are closer than this are one: few instructions are longer.
constexpr std::size_t kGap = 8;
/// Of one region; who overwrites more has been found.
constexpr std::size_t kMaxUnexplained = 4096;
constexpr std::size_t kMaxRun = 4096;

class Comparison {
 public:
  Comparison(Kernel& kernel, const TextReferences& references, const TextChangeRequest& request,
             const std::function<bool(TextChange)>& visit)
      : request_(request),
        visit_(visit),
        sites_(PatchSites::of(kernel)),
        text_(KernelText::of(kernel)),
        references_(references) {}

  std::vector<Error> run() {
    for (std::uint32_t i = 0; i < text_.regions().size() && going_; ++i) {
      if (!wanted(i)) continue;
      report_sites(i);
      unexplained_ = 0;
      for (const TextCoverage& coverage : references_.coverage())
        if (coverage.region == i && coverage.reference && going_) compare(coverage);
    }
    for (const Error& error : sites_.problems()) problems_.push_back(error);
    for (Error& error : references_.uncovered(text_, request_.of_modules))
      problems_.push_back(std::move(error));
    return std::move(problems_);
  }

 private:
  bool wanted(std::uint32_t region) const { return (region != KernelText::kImage) == request_.of_modules; }

  void emit(TextChange change) { going_ = going_ && visit_(std::move(change)); }

  void report_sites(std::uint32_t region) {
    const auto [first, end] = sites_.in(text_.regions()[region].range);
    for (std::size_t i = first; i < end && going_; ++i) {
      const PatchSite& site = sites_.all()[i];
      const auto look = sites_.look(site);
      if (site.region != region || !look.known || look.ok || site.count == 0) continue;
      const ByteView actual = text_.bytes(site.first, look.size), expected = site.expected().front().view();
      emit({site.first, region, Bytes(expected.begin(), expected.end()), Bytes(actual.begin(), actual.end()),
            std::nullopt, "sites"});
    }
  }

  void compare(const TextCoverage& coverage) {
    const TextRegion& region = text_.regions()[coverage.region];
    const Range& range = coverage.range;
    auto expected = coverage.reference->bytes(range.first, range.size());
    if (!expected || expected->size() != range.size()) {
      problems_.push_back(expected ? Error{Errc::out_of_bounds, "a reference is cut short"}
                                   : expected.error().within(coverage.reference->source()));
      return;
    }
    const ByteView held = ByteView(region.bytes).subspan(range.first - region.range.first, range.size());
    Bytes actual(held.begin(), held.end());
    put_back_holes(region, range, actual, *expected);
    put_back_sites(coverage, held, actual, *expected);
    const auto explainer = coverage.reference->explainer(range.first, *expected, actual);
    compare_bytes({coverage, explainer.get(), held, actual, *expected});
  }

  /// What is compared: code as if nothing of it had been patched since boot.
  struct Sides {
    const TextCoverage& coverage;
    TextExplainer* explainer;  ///< nullptr: nothing explains a difference
    ByteView held;             ///< what stands there; `actual` as if nothing had been patched
    ByteView actual, expected;
  };

  /// `actual` holds in [first, end) what it is expected to.
  static void put_back(const Range& range, Gva first, Gva end, Bytes& actual, ByteView expected) {
    first = std::max(first, range.first);
    end = std::min(end, range.end);
    if (first < end)
      std::memcpy(actual.data() + (first - range.first), expected.data() + (first - range.first),
                  end - first);
  }
  static void put_back_holes(const TextRegion& region, const Range& range, Bytes& actual, ByteView expected) {
    for (const Range& hole : region.holes) put_back(range, hole.first, hole.end, actual, expected);
  }

  /// Sites were judged by themselves: what stood there before is put in their place, so that what was decided
  /// about the code around them can be judged as a whole.
  void put_back_sites(const TextCoverage& coverage, ByteView held, Bytes& actual, ByteView expected) {
    const Range& range = coverage.range;
    const auto [first, end] = sites_.in({Gva{range.first.value - CodeBytes::kMax}, range.end});
    for (std::size_t i = first; i < end && going_; ++i) {
      const PatchSite& site = sites_.all()[i];
      const auto look = sites_.look(site);
      const std::size_t size = look.size;
      const std::uint64_t offset = site.first - range.first;
      // What the kernel's tables call a site and the vendor's do not is code like any other.
      if (site.first >= range.first && offset < expected.size() &&
          !coverage.reference->has_site(site, expected.subspan(offset)))
        continue;
      if (request_.explained && look.known && look.ok && site.first >= range.first &&
          site.first + size <= range.end) {
        const auto at = static_cast<std::size_t>(site.first - range.first);
        if (std::memcmp(held.data() + at, expected.data() + at, size) != 0)
          emit({site.first, coverage.region, cut(expected, at, size), cut(held, at, size),
                std::string(to_string(site.kind)), coverage.reference->source()});
      }
      put_back(range, site.first, site.first + size, actual, expected);
      // Under a probe stands what the kernel has kept of it: not what is said, but what is compared.
      if (look.ok && site.original.size != 0 && site.first >= range.first &&
          offset + std::min<std::size_t>(size, site.original.size) <= actual.size())
        std::copy_n(site.original.bytes.begin(), std::min<std::size_t>(size, site.original.size),
                    actual.begin() + static_cast<std::ptrdiff_t>(offset));
    }
  }

  static Bytes cut(ByteView bytes, std::size_t at, std::size_t size) {
    const ByteView part = bytes.subspan(at, size);
    return {part.begin(), part.end()};
  }

  void compare_bytes(const Sides& sides) {
    const ByteView actual = sides.actual, expected = sides.expected;
    run_.clear();
    judged_ = 0;
    for (std::size_t page = 0; page < actual.size() && going_; page += kPageSize) {
      const std::size_t size = std::min<std::size_t>(kPageSize, actual.size() - page);
      if (std::memcmp(actual.data() + page, expected.data() + page, size) == 0) continue;
      for (std::size_t at = page; at < page + size && going_; ++at) {
        if (actual[at] == expected[at]) continue;
        std::size_t end = at + 1;
        while (end < actual.size() && end - at < kMaxRun && actual[end] != expected[end]) ++end;
        differs(sides, at, end);
        at = end;
      }
    }
    flush(sides);
  }

  /// One run of bytes that all differ.
  void differs(const Sides& sides, std::size_t at, std::size_t end) {
    at = std::max(at, judged_);
    if (at >= end) return;
    auto why = sides.explainer == nullptr ? std::nullopt : sides.explainer->explain(at, end - at);
    if (why) {
      if (request_.explained)
        emit({sides.coverage.range.first + at, sides.coverage.region, cut(sides.expected, at, end - at),
              cut(sides.actual, at, end - at), std::move(why), sides.coverage.reference->source()});
      return;
    }
    while (at < end) {
      const auto place = sides.explainer == nullptr ? std::nullopt : sides.explainer->place(at);
      if (place) {
        judge_place(sides, *place);
        at = judged_ = std::max(at + 1, place->offset + place->expected.size());
        continue;
      }
      add_piece(sides, at, sides.expected.subspan(at, 1));
      ++at;
    }
  }

  /// What is wrong in a place that was decided at boot is told by what stood there then.
  void judge_place(const Sides& sides, const TextExplainer::Place& place) {
    const std::size_t size = std::min(place.expected.size(), sides.actual.size() - place.offset);
    for (std::size_t i = 0; i < size; ++i)
      if (place.expected[i] != sides.actual[place.offset + i])
        add_piece(sides, place.offset + i, ByteView(place.expected).subspan(i, 1));
  }

  /// Bytes at `at` that are not as expected, behind or near those before.
  void add_piece(const Sides& sides, std::size_t at, ByteView expected) {
    if (!run_.empty() &&
        (at - run_.back().end() > kGap || at + expected.size() - run_.front().first > kMaxRun))
      flush(sides);
    if (run_.empty() || run_.back().end() != at) run_.push_back({at, {}});
    run_.back().expected.insert(run_.back().expected.end(), expected.begin(), expected.end());
  }

  /// Emits the unexplained run that is held. What is right in the middle of it stays as it is: sites hold
  /// what their state demands, not what is in a vendor's file.
  void flush(const Sides& sides) {
    if (run_.empty() || !going_) return;
    const std::size_t first = run_.front().first, size = run_.back().end() - first;
    Bytes actual = cut(sides.held, first, size), expected = actual;
    for (const Piece& piece : run_)
      std::copy(piece.expected.begin(), piece.expected.end(),
                expected.begin() + static_cast<std::ptrdiff_t>(piece.first - first));
    run_.clear();
    if (++unexplained_ > kMaxUnexplained) {
      if (unexplained_ == kMaxUnexplained + 1)
        problems_.push_back({Errc::out_of_bounds, fmt::format("more than {} changes", kMaxUnexplained)});
      return;
    }
    emit({sides.coverage.range.first + first, sides.coverage.region, std::move(expected), std::move(actual),
          std::nullopt, sides.coverage.reference->source()});
  }

  TextChangeRequest request_;
  const std::function<bool(TextChange)>& visit_;
  PatchSites& sites_;
  KernelText& text_;
  const TextReferences& references_;
  std::vector<Error> problems_;
  /// Bytes of a coverage that are wrong, and what they should be.
  struct Piece {
    std::size_t first = 0;
    Bytes expected;
    std::size_t end() const { return first + expected.size(); }
  };
  std::vector<Piece> run_;  ///< pieces of one unexplained run
  std::size_t judged_ = 0;  ///< of the coverage, up to here
  std::size_t unexplained_ = 0;
  bool going_ = true;
};

}  // namespace

std::vector<Error> text_changes(Kernel& kernel, const TextReferences& references,
                                const TextChangeRequest& request,
                                const std::function<bool(TextChange)>& visit) {
  return Comparison(kernel, references, request, visit).run();
}

}  // namespace ringside::guest::linux
