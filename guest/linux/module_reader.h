// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/module_layout.h"
#include "guest/linux/modules.h"
#include "guest/linux/object_reader.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace ringside::guest::linux {

/// Reads one struct module after the other. Layouts are resolved once.
class ModuleReader {
 public:
  ModuleReader(Kernel& kernel, ModuleParts parts);

  /// What this kernel's layout does not tell.
  std::vector<Error> missing() const;
  /// Everything but used_by, build_id and load_order, which take other objects as well. What is pointed to
  /// and cannot be read is told to `problem`.
  Result<Module> read(Gva module, const std::function<void(Error)>& problem);

 private:
  /// The string behind a pointer: nullopt for a null pointer, or one that cannot be followed.
  std::optional<std::string> text(ObjectReader::Member member, const Module& module, const char* what,
                                  const std::function<void(Error)>& problem);
  void take_parts(Module& module, const std::function<void(Error)>& problem);

  Kernel& kernel_;
  ModuleParts parts_;
  ObjectReader module_, kallsyms_;
  std::optional<ModuleLayout> layout_;
  ObjectReader::Member state_, name_;
  ObjectReader::Member references_ = ObjectReader::kNone, version_ = ObjectReader::kNone,
                       srcversion_ = ObjectReader::kNone, args_ = ObjectReader::kNone,
                       taints_ = ObjectReader::kNone, init_ = ObjectReader::kNone,
                       exit_ = ObjectReader::kNone, symbols_ = ObjectReader::kNone,
                       parameters_ = ObjectReader::kNone, symbol_count_ = ObjectReader::kNone;
};

}  // namespace ringside::guest::linux
