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
    if (auto uncovered = references_.uncovered(text_, request_.of_modules)) problems_.push_back(*uncovered);
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
    auto expected = coverage.reference->bytes(coverage.range.first, coverage.range.size());
    if (!expected || expected->size() != coverage.range.size()) {
      problems_.push_back(expected ? Error{Errc::out_of_bounds, "a reference is cut short"}
                                   : expected.error().within(coverage.reference->source()));
      return;
    }
    const ByteView actual =
        ByteView(region.bytes).subspan(coverage.range.first - region.range.first, coverage.range.size());
    take_out_holes(region, coverage.range, actual, *expected);
    take_out_sites(coverage, actual, *expected);
    compare_bytes(coverage, actual, *expected);
  }

  /// Makes [first, end) equal on both sides.
  static void take_out(const Range& range, Gva first, Gva end, ByteView actual, Bytes& expected) {
    first = std::max(first, range.first);
    end = std::min(end, range.end);
    if (first < end)
      std::memcpy(expected.data() + (first - range.first), actual.data() + (first - range.first),
                  end - first);
  }
  static void take_out_holes(const TextRegion& region, const Range& range, ByteView actual, Bytes& expected) {
    for (const Range& hole : region.holes) take_out(range, hole.first, hole.end, actual, expected);
  }

  /// Sites were judged by themselves.
  void take_out_sites(const TextCoverage& coverage, ByteView actual, Bytes& expected) {
    const Range& range = coverage.range;
    const auto [first, end] = sites_.in({Gva{range.first.value - CodeBytes::kMax}, range.end});
    for (std::size_t i = first; i < end && going_; ++i) {
      const PatchSite& site = sites_.all()[i];
      const auto look = sites_.look(site);
      const std::size_t size = look.size;
      if (request_.explained && look.known && look.ok && site.first >= range.first &&
          site.first + size <= range.end) {
        const auto at = static_cast<std::size_t>(site.first - range.first);
        if (std::memcmp(actual.data() + at, expected.data() + at, size) != 0)
          emit({site.first, coverage.region, cut(expected, at, size), cut(actual, at, size),
                std::string(to_string(site.kind)), coverage.reference->source()});
      }
      take_out(range, site.first, site.first + size, actual, expected);
    }
  }

  static Bytes cut(ByteView bytes, std::size_t at, std::size_t size) {
    const ByteView part = bytes.subspan(at, size);
    return {part.begin(), part.end()};
  }

  void compare_bytes(const TextCoverage& coverage, ByteView actual, ByteView expected) {
    run_.clear();
    for (std::size_t page = 0; page < actual.size() && going_; page += kPageSize) {
      const std::size_t size = std::min<std::size_t>(kPageSize, actual.size() - page);
      if (std::memcmp(actual.data() + page, expected.data() + page, size) == 0) continue;
      for (std::size_t at = page; at < page + size && going_; ++at) {
        if (actual[at] == expected[at]) continue;
        std::size_t end = at + 1;
        while (end < actual.size() && end - at < kMaxRun && actual[end] != expected[end]) ++end;
        differs(coverage, actual, expected, at, end);
        at = end;
      }
    }
    flush(coverage, actual, expected);
  }

  /// One run of bytes that all differ.
  void differs(const TextCoverage& coverage, ByteView actual, ByteView expected, std::size_t at,
               std::size_t end) {
    const Gva gva = coverage.range.first + at;
    if (auto why = coverage.reference->explain(gva, actual.subspan(at, end - at))) {
      if (request_.explained)
        emit({gva, coverage.region, cut(expected, at, end - at), cut(actual, at, end - at), std::move(why),
              coverage.reference->source()});
      return;
    }
    if (!run_.empty() && at - run_.back() <= kGap && end - run_.front() <= kMaxRun) {
      run_.back() = end;
      return;
    }
    flush(coverage, actual, expected);
    run_ = {at, end};
  }

  /// Emits the unexplained run that is held.
  void flush(const TextCoverage& coverage, ByteView actual, ByteView expected) {
    if (run_.empty() || !going_) return;
    const std::size_t at = run_.front(), size = run_.back() - at;
    run_.clear();
    if (++unexplained_ > kMaxUnexplained) {
      if (unexplained_ == kMaxUnexplained + 1)
        problems_.push_back({Errc::out_of_bounds, fmt::format("more than {} changes", kMaxUnexplained)});
      return;
    }
    emit({coverage.range.first + at, coverage.region, cut(expected, at, size), cut(actual, at, size),
          std::nullopt, coverage.reference->source()});
  }

  TextChangeRequest request_;
  const std::function<bool(TextChange)>& visit_;
  PatchSites& sites_;
  KernelText& text_;
  const TextReferences& references_;
  std::vector<Error> problems_;
  std::vector<std::size_t> run_;  ///< begin and end, or nothing
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
