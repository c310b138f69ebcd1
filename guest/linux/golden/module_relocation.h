// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/golden/module_file.h"
#include "guest/linux/golden/module_imports.h"
#include "guest/linux/module_sections.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace ringside::guest::linux {

/// Does with a module's file what the kernel's loader does (arch/x86/kernel/module.c, apply_relocate_add).
class ModuleRelocation {
 public:
  /// Finds where each section is: `sections` must be the allocated ones of the file, in its order; else
  /// `mismatch`. `golden` and `imports` must outlive this.
  static Result<ModuleRelocation> create(Kernel& kernel, const Module& module, const GoldenModule& golden,
                                         const std::vector<ModuleSection>& sections, ModuleImports& imports);

  /// Where section `index` of the file is in the guest; nullopt: nowhere.
  std::optional<std::uint64_t> address(std::size_t index) const { return addresses_[index]; }
  /// Section `index` as it was loaded.
  Result<Bytes> relocated(std::size_t index) const;
  /// What the module exports, by its own symbols.
  void export_to(ModuleImports& imports) const;
  /// Bytes of the file, not relocated, of whichever section is at the guest's address `at`.
  bool read(std::uint64_t at, std::span<std::byte> into) const;

 private:
  ModuleRelocation(const GoldenModule& golden, ModuleImports& imports)
      : golden_(&golden), imports_(&imports), addresses_(golden.elf().sections().size()) {}
  Result<std::uint64_t> value(std::size_t symbol) const;
  void place_empty_sections();
  Result<void> apply(const ElfRelocation& relocation, std::uint64_t section,
                     std::span<std::byte> bytes) const;

  const GoldenModule* golden_;
  ModuleImports* imports_;
  std::vector<std::optional<std::uint64_t>> addresses_;
  std::vector<ElfSymbol> symbols_;
};

}  // namespace ringside::guest::linux
