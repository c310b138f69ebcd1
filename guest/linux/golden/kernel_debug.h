// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "guest/linux/btf.h"
#include "guest/linux/golden/elf_file.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::guest::linux {

/// What a vendor's debugging package tells of a kernel build that does not tell it itself (no BTF in its
/// memory, functions alone in its kallsyms): types, and where its variables stand. Immutable; one serves all
/// guests that run that build. Addresses are those that the image was linked to.
class KernelDebug {
 public:
  /// What is kept of a vmlinux with types (section .BTF) and symbols. Errors: `malformed`, `unsupported` (one
  /// of them is missing).
  static Result<Bytes> pack(const ElfFile& vmlinux);
  /// What pack() gave. Errors: `malformed`.
  static Result<std::shared_ptr<const KernelDebug>> parse(Bytes packed);

  unsigned bits() const { return bits_; }
  const std::shared_ptr<const Btf>& types() const { return types_; }
  /// A variable, or one of _text, _stext and _etext. nullopt: there is none of that name, or several.
  std::optional<std::uint64_t> symbol(std::string_view name) const;

 private:
  struct Entry {
    std::string_view name;
    std::uint64_t address = 0;
  };
  KernelDebug() = default;
  Result<void> read_symbols(ByteView from);

  unsigned bits_ = 64;
  Bytes names_;
  std::vector<Entry> symbols_;  ///< in order of name
  std::shared_ptr<const Btf> types_;
};

}  // namespace ringside::guest::linux
