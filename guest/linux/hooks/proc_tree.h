// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/hooks/hook.h"

#include <functional>
#include <string>
#include <unordered_set>

namespace ringside::guest::linux {

/// Walks the trees of struct proc_dir_entry.
class ProcTree {
 public:
  ProcTree(Kernel& kernel, Hooks& into);
  /// Which of two things an entry's seq_ops or single_show is, its table of file operations tells.
  enum class Show { other, sequence, single };
  struct Entry {
    std::string path;
    Gva gva;
    Show show = Show::other;
    Gva show_target;  ///< seq_ops or single_show; 0: neither
  };
  /// Why nothing can be read.
  std::optional<Error> problem() const;
  /// All entries of all trees; the reader holds the one that is visited.
  void walk(const std::function<void(const Entry&, const HookReader&)>& visit);

 private:
  void directory(Gva entry, const std::string& path, unsigned depth,
                 const std::function<void(const Entry&, const HookReader&)>& visit);
  Show show_of(Gva operations) const;

  static constexpr std::uint64_t kMaxEntries = 1u << 18;
  static constexpr unsigned kMaxDepth = 32;
  static constexpr std::size_t kMaxName = 255, kMaxPath = 4096;

  Kernel& kernel_;
  Hooks& into_;
  HookReader entry_;
  ObjectReader::Member name_, operations_, show_;
  Result<Field> tree_, node_;
  std::unordered_set<std::uint64_t> sequence_, single_, seen_;
};

}  // namespace ringside::guest::linux
