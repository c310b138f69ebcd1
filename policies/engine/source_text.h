// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "policies/engine/diagnostics.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::policies {

/// The text of a policy file, to point into.
class SourceText {
 public:
  SourceText(std::string file, std::string text);
  const std::string& text() const { return text_; }

  /// A diagnostic at byte `position` of the text (bounded to it).
  Diagnostic at(std::size_t position, std::string message, std::string hint = {}) const;
  /// The byte that `line` and `column` (from 0) name.
  std::size_t position(int line, int column) const;
  /// Where byte `offset` of a scalar's value stands, given where YAML says that the scalar starts. Knows
  /// plain, quoted and block scalars; folding and escapes are allowed for.
  std::size_t in_scalar(std::size_t start, std::string_view value, std::size_t offset) const;

 private:
  std::string file_, text_;
  std::vector<std::size_t> lines_;  ///< where each starts
};

}  // namespace ringside::policies
