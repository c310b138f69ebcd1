// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/text/kernel_text.h"
#include "guest/x86/instruction.h"

#include <optional>
#include <string>

namespace ringside::policies {

/// Writes bytes that were found to differ as instructions, before and after. A difference may begin in the
/// middle of one: decoding starts at the function that holds it, and whole instructions are shown.
class CodeListing {
 public:
  /// Without the disassembler library it writes nothing.
  explicit CodeListing(guest::linux::Kernel& kernel);

  /// `changed` stands at `first` in place of what is there now. Both as they would be in the code around.
  struct Both {
    std::string expected, actual;
  };
  Both write(guest::Gva first, ByteView expected, ByteView actual);

 private:
  /// Where the instruction of `code`, which stands at `start`, begins that holds the byte at `gva`.
  guest::Gva instruction_at(ByteView code, guest::Gva start, guest::Gva gva);

  guest::linux::Kernel& kernel_;
  std::optional<guest::x86::Disassembler> disassembler_;
};

}  // namespace ringside::policies
