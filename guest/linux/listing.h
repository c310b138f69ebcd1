// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "guest/linux/linux_macro.h"

#include <utility>
#include <vector>

namespace ringside::guest::linux {

/// What could be read of a set of kernel objects. `problems` empty: all of it. Otherwise the entries are
/// right but there may be more of them, or some lack what could not be read.
template <class T>
struct Listing {
  std::vector<T> entries;
  std::vector<Error> problems;

  /// Notes a problem; a hostile guest cannot grow the list without end.
  void problem(Error error) {
    if (problems.size() < kMaxProblems) problems.push_back(std::move(error));
  }
  static constexpr std::size_t kMaxProblems = 16;
};

}  // namespace ringside::guest::linux
