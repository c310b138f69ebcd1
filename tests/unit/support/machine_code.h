// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "tests/unit/support/fake_kernel.h"

#include <cstdint>
#include <span>
#include <string_view>

namespace ringside::testing {

/// Machine code, written piece by piece.
class Code {
 public:
  explicit Code(guest::Gva at) : at_(at) {}
  Code& hex(std::string_view bytes) {
    const auto more = from_hex(bytes).value();
    bytes_.insert(bytes_.end(), more.begin(), more.end());
    return *this;
  }
  Code& value(std::uint32_t value) {
    const auto more = std::as_bytes(std::span(&value, 1));
    bytes_.insert(bytes_.end(), more.begin(), more.end());
    return *this;
  }
  /// An instruction that ends in the distance to `target`.
  Code& relative(std::string_view opcode, guest::Gva target) {
    hex(opcode);
    return value(static_cast<std::uint32_t>(target - (at_ + bytes_.size() + 4)));
  }
  void into(FakeKernel& kernel) const { kernel.memory().write({at_.value}, bytes_); }

 private:
  guest::Gva at_;
  Bytes bytes_;
};

}  // namespace ringside::testing
