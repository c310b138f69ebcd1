// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/object_reader.h"

#include <functional>
#include <string>

namespace ringside::guest::linux {

/// One struct ctl_table of a tree, as it stands in memory.
struct SysctlEntry {
  std::string name;  ///< with the directories, as sysctl(8) spells it
  Gva gva, data, handler;
  std::uint32_t length = 0, mode = 0;
};

/// Walks the trees of directories that hold the sysctl tables (fs/proc/proc_sysctl.c). Layouts are asked for
/// once.
class SysctlTree {
 public:
  explicit SysctlTree(Kernel& kernel);

  /// Nothing can be walked without these.
  Result<void> usable() const;

  struct Sink {
    /// False: leave out this directory ("net.ipv4.") and all below it.
    std::function<bool(std::string_view prefix)> enter;
    std::function<void(SysctlEntry)> entry;
    std::function<void(Error)> problem;
  };
  /// The files below the root directory of a set (struct ctl_table_set); what belongs to another set is not
  /// followed.
  void walk(Gva set, const Sink& sink);

 private:
  using Member = ObjectReader::Member;
  void walk_directory(Gva directory, const std::string& prefix, unsigned depth, const Sink& sink);
  Result<void> visit(Gva node, const std::string& prefix, unsigned depth, const Sink& sink);

  Kernel& kernel_;
  ObjectReader node_, header_, table_;
  Member node_header_, tables_, nodes_, size_, leaving_, name_, data_, length_, mode_, handler_;
  std::optional<Field> root_directory_, tree_, header_in_directory_, hook_;
  std::uint64_t node_size_ = 0, table_size_ = 0;
  std::optional<Error> unusable_;
  std::uint64_t left_;
};

}  // namespace ringside::guest::linux
