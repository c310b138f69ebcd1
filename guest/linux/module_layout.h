// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/modules.h"
#include "guest/linux/object_reader.h"

#include <array>
#include <optional>
#include <vector>

namespace ringside::guest::linux {

/// Where the memory of a module is told in its struct module.
class ModuleLayout {
 public:
  /// Chooses the members in `reader`, which reads struct module.
  ModuleLayout(Kernel& kernel, ObjectReader& reader);

  /// Fills regions, base and size of `module` from what `reader` has read. A region that cannot be (it wraps,
  /// or is larger than any module) is left out, and `problem` is told.
  void take(const ObjectReader& reader, Module& module, const std::function<void(Error)>& problem) const;

 private:
  /// struct module_memory (from 6.4), or a base and a size.
  struct Memory {
    ObjectReader::Member base = ObjectReader::kNone, size = ObjectReader::kNone;
  };
  /// struct module_layout (up to 6.3): text, rodata, what is read-only after init, and data, in this order;
  /// each size reaches from the base to the end of its part.
  struct Area {
    Memory all;
    ObjectReader::Member text_end = ObjectReader::kNone, rodata_end = ObjectReader::kNone,
                         ro_after_init_end = ObjectReader::kNone;
  };
  static Area area(ObjectReader& reader, const std::string& name);

  void take_kinds(const ObjectReader& reader, Module& module,
                  const std::function<void(Error)>& problem) const;
  void take_area(const ObjectReader& reader, const Area& area, bool init, Module& module,
                 const std::function<void(Error)>& problem) const;

  bool by_kind_ = false;
  std::array<Memory, kModuleRegionKinds> kinds_{};
  Area core_, init_;
};

}  // namespace ringside::guest::linux
