// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/e2e/support/attached.h"
#include "tests/e2e/support/symbol_oracle.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace ringside::lab {

/// What one look at a guest's kernel gave.
struct Sight {
  std::optional<Error> error;  ///< no kernel: why
  guest::linux::KernelIdentity identity;
  std::vector<SymbolLine> symbols;
  bool all_in_user_mode = false;
};

Sight look(guest::live::LiveGuest& live);
/// Attaches, looks, and lets go.
Sight look(Guest& guest);

/// What the guest says of its kernel once it has a shell. It stays the same from the first instruction to the
/// last.
struct Truth {
  explicit Truth(Guest& guest);
  std::string release;
  std::vector<SymbolLine> symbols;
};

/// The kernel was found, and every symbol of it is right.
void expect_right(const Truth& truth, const Sight& sight);
/// There is no kernel, and one line that says why.
void expect_clear(const Error& error);

}  // namespace ringside::lab
