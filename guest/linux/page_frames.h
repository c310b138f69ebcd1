// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/linux/page_cache.h"

#include <cstdint>
#include <optional>

namespace ringside::guest::linux {

/// What a struct page says of the memory that it stands for. One a kernel.
class PageFrames {
 public:
  static PageFrames& of(Kernel& kernel);
  explicit PageFrames(Kernel& kernel);

  /// See page_address().
  Result<Gpa> address(Gva page) const;
  /// The whole folio whose first page is `page`: one page, or a power of two of them.
  Result<CachedPage> folio(Gva page) const;
  /// Page `index` of the file, which is one of `folio`.
  CachedPage part(const CachedPage& folio, std::uint64_t index) const;

 private:
  static constexpr unsigned kMaxOrder = 20;  ///< 4 GiB: beyond the largest page of the CPU

  Result<std::uint64_t> order(Gva page) const;

  Kernel& kernel_;
  Result<Gva> map_;             ///< struct page of frame 0
  Result<std::uint64_t> size_;  ///< of a struct page
  Result<Field> flags_, index_;
  std::optional<Field> pages_, order_, first_flags_;  ///< how this kernel writes a folio's size
  Result<std::int64_t> head_, dirty_, up_to_date_;    ///< bits of flags
};

}  // namespace ringside::guest::linux
