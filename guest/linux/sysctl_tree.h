// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/sysctl_layout.h"

#include <functional>
#include <string>
#include <string_view>

namespace ringside::guest::linux {

/// One struct ctl_table of a tree, as it stands in memory.
struct SysctlEntry {
  std::string name;  ///< with the directories, as sysctl(8) spells it
  Gva gva, data, handler;
  std::uint32_t length = 0, mode = 0;
};

/// Walks the trees of directories that hold the sysctl tables (fs/proc/proc_sysctl.c).
class SysctlTree {
 public:
  SysctlTree(Kernel& kernel, const SysctlLayout& layout) : kernel_(kernel), layout_(layout) {}

  struct Sink {
    /// False: leave out this directory ("net.ipv4.") and all below it.
    std::function<bool(std::string_view prefix)> enter;
    std::function<void(SysctlEntry)> entry;
    std::function<void(Error)> problem;
  };
  /// The files below the root directory of a set (struct ctl_table_set); what belongs to another set is not
  /// followed. All walks together visit a bounded number of entries.
  void walk(Gva set, const Sink& sink);

  static constexpr std::uint64_t kMaxEntries = 1u << 18;  ///< some 250 a network interface

 private:
  /// Tables that were registered together: their nodes in the directory's tree are an array as they are.
  struct Header {
    Gva gva{0}, tables{0}, nodes{0};
    std::uint64_t count = 0;
    bool leaving = false;
  };
  void walk_directory(Gva directory, const std::string& prefix, unsigned depth, const Sink& sink);
  Result<void> visit(Gva node, const std::string& prefix, unsigned depth, const Sink& sink);
  Result<Header> header_at(Gva gva);
  Result<SysctlEntry> entry_at(Gva gva, const std::string& prefix);

  Kernel& kernel_;
  const SysctlLayout layout_;
  Header last_;  ///< most nodes have that of the node before
  std::uint64_t left_ = kMaxEntries;
};

}  // namespace ringside::guest::linux
