// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/golden/elf_file.h"
#include "guest/live/golden_files.h"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::guest::live {

/// Takes kernels and modules out of vendors' files and keeps them.
class GoldenImport {
 public:
  /// `progress` is told of each file before it is taken.
  GoldenImport(GoldenFiles& files, std::function<void(std::string_view name)> progress)
      : files_(files), progress_(std::move(progress)) {}

  /// A vmlinuz, a vmlinux, a module (packed or not), a Debian package, or a directory with any of these in it
  /// or below. Of a vmlinux with types and symbols these are kept too, for kernels that hold none themselves.
  /// Errors: `io`, `not_found`, `permission`; and for a file that was named itself what is wrong with it.
  /// What is wrong with files in a package or directory is in problems().
  Result<void> take(const std::string& path);

  const std::vector<GoldenFiles::Entry>& kernels() const { return kernels_; }
  const std::vector<GoldenFiles::Entry>& types() const { return types_; }
  std::size_t modules() const { return modules_; }
  const std::vector<Error>& problems() const { return problems_; }

 private:
  Result<void> take_directory(const std::string& path);
  Result<void> take_file(const std::string& path);
  Result<void> take_package(const std::string& path);
  Result<void> take_bytes(std::string_view name, Bytes bytes);
  Result<void> take_vmlinux(ByteView bytes, const linux::ElfFile& elf);
  void problem(Error error);

  static constexpr std::size_t kMaxProblems = 64;
  GoldenFiles& files_;
  std::function<void(std::string_view)> progress_;
  std::vector<GoldenFiles::Entry> kernels_, types_;
  std::size_t modules_ = 0;
  std::vector<Error> problems_;
};

}  // namespace ringside::guest::live
