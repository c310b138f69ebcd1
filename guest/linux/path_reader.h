// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/backing_files.h"
#include "guest/linux/dentries.h"
#include "guest/linux/paths.h"
#include "guest/linux/pseudo_names.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace ringside::guest::linux {

/// Makes paths, as fs/d_path.c does, and remembers them: many files share few. One a kernel; see
/// Kernel::memo().
class PathReader {
 public:
  static PathReader& of(Kernel& kernel);
  explicit PathReader(Kernel& kernel);

  /// Each as the function of paths.h.
  const Result<std::string>& shown(Path path);
  Result<std::string> below(Path root, Path path);
  Result<std::string> inside(Gva dentry);
  /// Why this kernel's layouts do not allow to make any path.
  std::optional<Error> unusable() const { return dentries_.unusable(); }
  const Result<Path>& root() const { return root_; }
  Result<Path> of_file(Gva file);
  /// Two pointers: struct path.
  Result<Path> read(Gva path);

 private:
  /// Where a walk up ended.
  enum class End { at_root, at_top, escaped };
  struct Walked {
    End end = End::at_top;
    std::string path;
  };
  Result<Walked> walk(Path path, const Path& root);
  Result<std::string> make(Path path);

  static constexpr std::size_t kMaxKept = 1u << 15;

  Kernel& kernel_;
  DentryReader dentries_;
  PseudoNames names_;
  Result<Path> root_;
  Result<Field> file_path_, file_mode_;
  std::optional<BackingFiles> backing_;
  std::map<std::pair<std::uint64_t, std::uint64_t>, Result<std::string>> kept_;
};

}  // namespace ringside::guest::linux
