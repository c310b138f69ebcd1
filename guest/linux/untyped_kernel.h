// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/exported_symbols.h"
#include "guest/linux/recovered_types.h"
#include "guest/linux/vmcoreinfo.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace ringside::guest::linux {

/// What has to be worked out about a kernel whose kallsyms names functions only and that holds no type
/// information: Debian's i386 kernels. Each part when it is first asked for.
class UntypedKernel {
 public:
  /// Address of a variable: an exported one, one that vmcoreinfo names, or one that functions have in common
  /// (referenced_variable()).
  std::optional<Gva> variable(Kernel& kernel, std::string_view name);
  /// Errors as recover_types().
  Result<std::shared_ptr<const RecoveredTypes>> types(Kernel& kernel);

  /// True if all of it is known and nothing is missing: worth to be kept for the next look at the same boot.
  bool complete() const;

 private:
  // Shared, so that copies are cheap; immutable once made.
  std::optional<Result<std::shared_ptr<const ExportedSymbols>>> exported_;
  std::optional<Result<std::shared_ptr<const Vmcoreinfo>>> vmcoreinfo_;
  std::map<std::string, std::optional<Gva>, std::less<>> referenced_;
  std::optional<Result<std::shared_ptr<const RecoveredTypes>>> types_;
};

}  // namespace ringside::guest::linux
