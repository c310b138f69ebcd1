// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "guest/linux/btf.h"
#include "guest/linux/golden/elf_file.h"
#include "guest/linux/symbol_table.h"

#include <memory>

namespace ringside::guest::linux {

/// What a vendor's debugging package tells of a kernel build that does not tell it itself (no BTF in its
/// memory, functions alone in its kallsyms): types, and all symbols. Immutable; one serves all guests that
/// run that build. Addresses are those that the image was linked to.
class KernelDebug {
 public:
  /// What is kept of a vmlinux with types (section .BTF) and symbols. Errors: `malformed`, `unsupported` (one
  /// of them is missing).
  static Result<Bytes> pack(const ElfFile& vmlinux);
  /// What pack() gave. Errors: `malformed`.
  static Result<std::shared_ptr<const KernelDebug>> parse(Bytes packed);

  unsigned bits() const { return bits_; }
  const std::shared_ptr<const Btf>& types() const { return types_; }
  const std::shared_ptr<const SymbolTable>& symbols() const { return symbols_; }

 private:
  KernelDebug() = default;

  unsigned bits_ = 64;
  std::shared_ptr<const Btf> types_;
  std::shared_ptr<const SymbolTable> symbols_;
};

}  // namespace ringside::guest::linux
