// SPDX-License-Identifier: Apache-2.0
#pragma once

// Before any system header can: see there.
#include "guest/linux/linux_macro.h"
#include "guest/linux/listing.h"
#include "policies/tables/support.h"

namespace ringside::policies {

/// Tells `sink` what a listing lacks.
template <class T>
void report_problems(const guest::linux::Listing<T>& listing, RowSink& sink) {
  for (const auto& problem : listing.problems) sink.incomplete(problem);
}

/// A cell for a value that may not be known.
template <class T>
Value cell_or_null(const std::optional<T>& value) {
  return value ? cell(*value) : null_cell();
}

}  // namespace ringside::policies
