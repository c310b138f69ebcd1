// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/area_names.h"
#include "guest/linux/file_reader.h"
#include "guest/linux/kernel.h"
#include "guest/linux/object_reader.h"
#include "guest/linux/process_maps.h"

#include <functional>
#include <optional>
#include <string>

namespace ringside::guest::linux {

/// Reads areas of memory. One a kernel; a process's landmarks are passed in.
class AreaReader {
 public:
  static AreaReader& of(Kernel& kernel);
  explicit AreaReader(Kernel& kernel);

  /// What is told of a part that could not be read.
  using Problem = std::function<void(Error)>;

  /// The area at `vma`. Fails if its bounds cannot be read or are none.
  Result<MemoryArea> read(Gva vma, bool names, const Landmarks& landmarks, const Problem& problem);
  /// vm_next of the area that was read last (before 6.1).
  std::optional<Gva> next() const { return area_.pointer(next_); }
  Result<Landmarks> landmarks(Gva mm);
  /// Of mm_struct: the list of areas (before 6.1) or the tree.
  const Result<Field>& list() const { return list_; }
  const Result<Field>& tree() const { return tree_; }

 private:
  using Member = ObjectReader::Member;
  void take_file(MemoryArea& area, const Problem& problem);
  Result<std::string> name(const MemoryArea& area, Gva operations, Gva private_data, Gva anon_name,
                           const Landmarks& landmarks);

  Kernel& kernel_;
  FileReader& files_;
  AreaNames names_;
  ObjectReader area_, mm_;
  Member start_, end_, flags_, operations_, offset_, file_, private_, next_, anon_name_;
  Member start_brk_, brk_, start_stack_;
  Result<Field> list_, tree_;
  /// The name that a program gave shares its place with what file mappings need (5.17 to 6.1).
  bool named_files_ = true;
};

}  // namespace ringside::guest::linux
