// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace ringside::policies {

/// One thing that is wrong with a policy file.
struct Diagnostic {
  std::string file;
  unsigned line = 0, column = 0;  ///< from 1
  std::string message;
  std::string source_line;  ///< the line of the file
  std::string hint;         ///< "did you mean `expect`?"; may be empty
  bool operator==(const Diagnostic&) const = default;
};

/// "idt.yaml:12:5: error: unknown key `exepct`\n   12 |     exepct: dpl = 0\n      |     ^\n   = hint: did
/// you mean ..."
std::string render(const Diagnostic& diagnostic, bool color);

}  // namespace ringside::policies
