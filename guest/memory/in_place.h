// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "guest/address.h"

#include <optional>

namespace ringside::guest::memory {

/// What a PhysicalMemory is too when guest RAM lies in our own address space: bytes can be compared where
/// they are, which takes half the memory traffic of a read and a comparison.
class InPlaceMemory {
 public:
  virtual ~InPlaceMemory() = default;
  /// True if memory holds `bytes` at `gpa`. nullopt: not all of it lies in our address space, or it is gone;
  /// read it to know. The guest may write meanwhile: each byte is looked at once, as by a read.
  virtual std::optional<bool> holds(Gpa gpa, ByteView bytes) = 0;
};

}  // namespace ringside::guest::memory
