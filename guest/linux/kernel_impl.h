// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/discovery.h"
#include "guest/linux/golden/kernel_debug.h"
#include "guest/linux/kernel.h"
#include "guest/linux/untyped_kernel.h"

#include <unordered_map>

namespace ringside::guest::linux {

/// The Kernel over what discovery found.
class DiscoveredKernel final : public Kernel {
 public:
  DiscoveredKernel(Snapshot& snapshot, Discovery found, KernelCache* cache);

  Snapshot& snapshot() override { return snapshot_; }
  AddressSpace& space() override { return space_; }
  const KernelIdentity& identity() const override { return found_.identity; }
  const std::vector<std::string>& explanation() const override { return found_.steps; }
  const SymbolTable& symbols() const override { return *found_.symbols; }
  std::uint64_t slide() const override { return found_.slide; }
  Result<Gva> symbol(std::string_view name) override;
  Result<const Types*> types() override;
  Result<std::shared_ptr<const Btf>> btf() override;
  Result<std::vector<std::uint64_t>> per_cpu_offsets() override;
  void hold_tables() override;

 protected:
  void note_proof() override;
  std::shared_ptr<void>& memo_slot(const void* key) override;

 private:
  Result<std::shared_ptr<const Btf>> read_btf();
  /// Takes symbols and types that were imported of this build, if it has none itself and they fit.
  void take_debug();
  bool fits(const SymbolTable& known, std::uint64_t slide) const;
  UntypedKernel& untyped();
  std::string place() const;  ///< of this boot of this guest

  Snapshot& snapshot_;
  Discovery found_;
  KernelCache* cache_;
  AddressSpace space_;
  std::optional<Result<std::shared_ptr<const Btf>>> btf_;
  std::shared_ptr<const KernelDebug> debug_;  ///< nullptr: nothing was imported of this build, or needed
  Range tables_;                              ///< of its own kallsyms
  std::optional<UntypedKernel> untyped_;
  std::unordered_map<const void*, std::shared_ptr<void>> memos_;
  std::uint64_t memos_of_ = 0;  ///< Snapshot::recordings() when memos_ was begun
  std::uint64_t proof_of_ = ~std::uint64_t{0};
};

}  // namespace ringside::guest::linux
