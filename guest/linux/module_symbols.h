// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/modules.h"
#include "guest/linux/object_reader.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

namespace ringside::guest::linux {

/// The symbols of one module, in the order in which /proc/kallsyms lists them; those without a name, which it
/// leaves out, are not among them.
class ModuleSymbols {
 public:
  std::size_t size() const { return entries_.size(); }
  Gva address(std::size_t index) const { return entries_[index].address; }
  std::string_view name(std::size_t index) const;
  /// As in /proc/kallsyms: upper case for what EXPORT_SYMBOL() gave out.
  char type(std::size_t index) const { return entries_[index].type; }
  /// False for one that the module takes from elsewhere.
  bool defined(std::size_t index) const { return entries_[index].defined; }

  /// The nearest defined symbol at or before `gva`; of several at one address the first. Mapping symbols,
  /// which start with $ or .L, do not count (kernel/module/kallsyms.c, find_kallsyms_symbol).
  std::optional<std::size_t> at_or_before(Gva gva) const;

 private:
  friend class ModuleSymbolReader;
  struct Entry {
    Gva address;
    std::uint32_t name = 0;  ///< in names_
    char type = '?';
    bool defined = true;
  };
  std::vector<Entry> entries_;
  Bytes names_;  ///< ends with a NUL
  mutable std::vector<std::uint32_t> by_address_;
};

/// Reads the symbols that the kernel keeps of modules (struct mod_kallsyms). Layouts are resolved once.
class ModuleSymbolReader {
 public:
  explicit ModuleSymbolReader(Kernel& kernel);

  /// Why nothing can be read from this kernel; nullopt: it can.
  const std::optional<Error>& unusable() const { return unusable_; }
  /// What could not be read is told to `problem`. `types`: also whether each is exported, and so its type.
  ModuleSymbols read(const Module& module, bool types, const std::function<void(Error)>& problem);

  /// Most symbols of one module, and bytes of their names; kMaxSymbols bounds all that one reader gives.
  static constexpr std::uint32_t kMaxModuleSymbols = 1u << 18;
  static constexpr std::uint64_t kMaxNameBytes = std::uint64_t{16} << 20;
  /// Bytes of names of all that one reader gives.
  static constexpr std::uint64_t kMaxAllNameBytes = std::uint64_t{64} << 20;
  /// Longest name (KSYM_NAME_LEN, from 6.1), the NUL included.
  static constexpr std::size_t kMaxName = 512;

 private:
  Result<void> resolve();
  Result<void> resolve_exports(const Types& types);
  Result<void> read_table(const Module& module, bool types, ModuleSymbols& into,
                          const std::function<void(Error)>& problem);
  /// The bytes of names from `first` on, as far as they can be read and `last` needs.
  Bytes read_names(Gva first, std::uint64_t last);
  /// Gives symbols that the module exports their upper-case type.
  Result<void> mark_exported(const Module& module, ModuleSymbols& symbols);

  Kernel& kernel_;
  Field kallsyms_;  ///< module.kallsyms
  ObjectReader table_;
  ObjectReader::Member symtab_ = ObjectReader::kNone, count_ = ObjectReader::kNone,
                       strtab_ = ObjectReader::kNone, typetab_ = ObjectReader::kNone;
  Field exports_, export_count_;  ///< module.syms, module.num_syms
  std::uint32_t export_size_ = 0, export_value_ = 0, export_name_ = 0;
  std::uint64_t symbols_left_ = kMaxSymbols, exports_left_ = kMaxSymbols, name_bytes_left_ = kMaxAllNameBytes;
  std::optional<Error> unusable_, exports_unknown_;
};

}  // namespace ringside::guest::linux
