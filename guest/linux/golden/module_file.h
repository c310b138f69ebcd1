// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "guest/linux/golden/elf_file.h"

#include <memory>
#include <string>

namespace ringside::guest::linux {

/// A module's file as the vendor shipped it, decompressed. Immutable.
class GoldenModule {
 public:
  /// Errors: `unsupported` (no module, or one without a name), `malformed`, `oversized`.
  static Result<std::shared_ptr<const GoldenModule>> parse(Bytes file);

  const std::string& name() const { return name_; }              ///< as the kernel names it
  const std::string& release() const { return release_; }        ///< of the kernel that it was built for
  const std::string& build_id() const { return build_id_; }      ///< hex; empty: it has none
  const std::string& srcversion() const { return srcversion_; }  ///< empty: it has none
  const ElfFile& elf() const { return *elf_; }
  const Bytes& bytes() const { return bytes_; }

  /// Most bytes of one; the largest of Debian's are some 20 MB.
  static constexpr std::size_t kMaxBytes = std::size_t{256} << 20;

 private:
  explicit GoldenModule(Bytes file) : bytes_(std::move(file)) {}

  Bytes bytes_;
  std::unique_ptr<ElfFile> elf_;
  std::string name_, release_, build_id_, srcversion_;
};

}  // namespace ringside::guest::linux
