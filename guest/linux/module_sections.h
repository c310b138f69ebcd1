// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/modules.h"
#include "guest/linux/object_reader.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace ringside::guest::linux {

/// A section of a module's file as it was loaded, as in /sys/module/NAME/sections.
struct ModuleSection {
  std::string name;  ///< ".text"
  Gva address;       ///< where it was put; that of an init section holds something else, or nothing, by now
};

/// Reads which sections modules were loaded from (struct module_sect_attrs, kernel/module/sysfs.c). Layouts
/// are resolved once.
class ModuleSectionReader {
 public:
  explicit ModuleSectionReader(Kernel& kernel);

  /// Why nothing can be read from this kernel; nullopt: it can.
  const std::optional<Error>& unusable() const { return unusable_; }
  /// The sections of `module` in order of the file; what could not be read is told to `problem`. None for a
  /// module that is not in sysfs yet.
  std::vector<ModuleSection> read(const Module& module, const std::function<void(Error)>& problem);

  /// Most sections that one reader gives, of all modules together; a module of Debian has 50 or so.
  static constexpr std::size_t kMaxSections = 1u << 17;
  /// Longest section name that is given.
  static constexpr std::size_t kMaxName = 256;

 private:
  Result<void> resolve();

  Kernel& kernel_;
  Field attributes_;          ///< module.sect_attrs
  Field list_;                ///< of pointers to bin_attribute, in module_sect_attrs
  std::uint32_t inside_ = 0;  ///< where the bin_attribute stands in what attribute_ reads
  ObjectReader attribute_;    ///< struct module_sect_attr; from 6.14 on, bin_attribute itself
  ObjectReader::Member name_ = ObjectReader::kNone, address_ = ObjectReader::kNone;
  std::size_t left_ = kMaxSections;
  std::optional<Error> unusable_;
};

/// Fills Module::build_id of every entry: the GNU note in section .note.gnu.build-id.
void take_build_ids(Kernel& kernel, Listing<Module>& listing);

}  // namespace ringside::guest::linux
