// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "guest/address.h"
#include "guest/linux/linux_macro.h"

#include <cstdint>
#include <optional>
#include <unordered_set>
#include <utility>
#include <vector>

namespace ringside::guest::linux {

/// One of the ways in which a kernel keeps objects of a kind: those that it reaches. Whether it holds an
/// object is not known where it could not be read wholly, and means nothing where the kernel has no such way.
class View {
 public:
  /// The kernel keeps objects this way too: from now on an object that was not added is missing in it.
  void exists() { exists_ = true; }
  void add(Gva object) {
    exists_ = true;
    objects_.insert(object.value);
  }
  /// It could not be read wholly: what was not added may be in it all the same.
  void broken(Error why) {
    exists_ = true;
    whole_ = false;
    if (problems_.size() < kMaxProblems) problems_.push_back(std::move(why));
  }

  std::optional<bool> holds(Gva object) const {
    if (!exists_) return std::nullopt;
    if (objects_.contains(object.value)) return true;
    return whole_ ? std::optional(false) : std::nullopt;
  }
  const std::unordered_set<std::uint64_t>& objects() const { return objects_; }
  const std::vector<Error>& problems() const { return problems_; }

 private:
  static constexpr std::size_t kMaxProblems = 4;
  bool exists_ = false, whole_ = true;
  std::unordered_set<std::uint64_t> objects_;
  std::vector<Error> problems_;
};

/// The views disagree: one that must hold the object does not.
inline bool missing_in_any(std::initializer_list<std::optional<bool>> views) {
  for (const auto& view : views)
    if (view == false) return true;
  return false;
}

}  // namespace ringside::guest::linux
