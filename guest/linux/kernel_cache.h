// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "guest/linux/btf.h"
#include "guest/linux/symbol_table.h"

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace ringside::guest::linux {

/// What is the same in every boot of one kernel build. Immutable once made.
struct KernelBuild {
  std::string build_id;  ///< hex
  std::shared_ptr<const SymbolTable> symbols;
  std::uint64_t text = 0;  ///< `_text` of the boot that `symbols` were taken from
};

/// Kernel builds seen before, by build id. What it gives is a guess until the guest's own tables were
/// compared with it. Thread-safe. This one keeps them in memory; DiskKernelCache (guest/live) in files as
/// well.
class KernelCache {
 public:
  virtual ~KernelCache() = default;
  virtual std::shared_ptr<const KernelBuild> find(const std::string& build_id);
  virtual void add(std::shared_ptr<const KernelBuild> build);
  /// Types are kept apart: they are read only when a query asks for them.
  std::shared_ptr<const Btf> find_types(const std::string& build_id);
  void add_types(const std::string& build_id, std::shared_ptr<const Btf> types);

 private:
  static constexpr std::size_t kMaxBuilds = 32;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const KernelBuild>> builds_;
  std::map<std::string, std::shared_ptr<const Btf>> types_;
};

}  // namespace ringside::guest::linux
