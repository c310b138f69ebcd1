// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "guest/linux/kernel.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::guest::linux {

/// Variables that a kernel exports to its modules. Kernels without CONFIG_KALLSYMS_ALL, Debian's i386 ones,
/// have the names of functions only in kallsyms: this is where the names of (some) variables are.
class ExportedSymbols {
 public:
  struct Entry {
    std::string name;
    Gva address;
  };

  /// `entries` in any order; of several with one name the first is kept.
  explicit ExportedSymbols(std::vector<Entry> entries);
  std::optional<Gva> find(std::string_view name) const;
  /// By name.
  const std::vector<Entry>& entries() const { return entries_; }

 private:
  std::vector<Entry> entries_;
};

/// Reads __ksymtab and __ksymtab_gpl (include/linux/export.h, with CONFIG_HAVE_ARCH_PREL32_RELOCATIONS),
/// which are found in read-only data by the name of `init_task` and checked against kallsyms: the exported
/// functions must be there too. Variables only; per-CPU ones as kallsyms would show them. Errors: `not_found`
/// if there is no such table, `mismatch` if what looked like one contradicts kallsyms, `unsupported` for a
/// kernel of 64 bits, whose kallsyms has all of this.
Result<ExportedSymbols> find_exported_symbols(Kernel& kernel);

}  // namespace ringside::guest::linux
