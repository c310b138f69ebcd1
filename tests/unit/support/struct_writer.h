// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/unit/support/btf_writer.h"

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::testing {

/// A struct of BTF in the making: members stand one after the other, aligned as a compiler does it.
class StructWriter {
 public:
  StructWriter(BtfWriter& btf, std::string name) : btf_(btf), name_(std::move(name)) {}

  /// Adds a member; gives its offset.
  std::uint32_t add(std::string name, BtfWriter::Id type, std::uint32_t size, std::uint32_t align) {
    size_ = (size_ + align - 1) / align * align;
    const std::uint32_t at = size_;
    names_.push_back(std::move(name));
    members_.push_back({names_.back(), type, at * 8});
    size_ += size;
    largest_ = std::max(largest_, align);
    return at;
  }
  std::uint32_t size() const { return (size_ + largest_ - 1) / largest_ * largest_; }
  /// Writes the type.
  BtfWriter::Id finish() { return btf_.struct_(name_, size(), members_); }

 private:
  BtfWriter& btf_;
  std::string name_;
  std::deque<std::string> names_;
  std::vector<BtfWriter::Member> members_;
  std::uint32_t size_ = 0, largest_ = 1;
};

}  // namespace ringside::testing
