// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/btf.h"
#include "guest/linux/symbol_table.h"

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace ringside::guest::linux {

class UntypedKernel;

/// What is the same in every boot of one kernel build. Immutable once made.
struct KernelBuild {
  std::string build_id;  ///< hex
  std::shared_ptr<const SymbolTable> symbols;
  std::uint64_t page_fault = 0;  ///< where vector 14 enters, in the boot that `symbols` were taken from
};

/// Kernel builds seen before. What it gives is a guess until the guest's own tables were compared with it.
/// Thread-safe. This one keeps them in memory; live::KernelStore in files as well.
class KernelCache {
 public:
  virtual ~KernelCache() = default;

  /// Those that may be the kernel whose page faults enter at `page_fault`: a kernel is moved by multiples of
  /// kAlignment only. The last used first.
  virtual std::vector<std::shared_ptr<const KernelBuild>> builds(std::uint64_t page_fault);
  virtual void add(std::shared_ptr<const KernelBuild> build);

  /// Types are kept apart: they are read only when a query asks for them.
  std::shared_ptr<const Btf> types(const std::string& build_id);
  void add_types(const std::string& build_id, std::shared_ptr<const Btf> types);

  /// What was worked out about a kernel without type information, by guest, build and where it stands.
  std::shared_ptr<const UntypedKernel> untyped(const std::string& place);
  void add_untyped(const std::string& place, std::shared_ptr<const UntypedKernel> kernel);

  /// True if this process has compared all bytes of what stood at `place` with this very `what`; noting it
  /// makes the next snapshot of the same boot cheap. Another guest may give something else under the same
  /// build id: that is another object, and is compared.
  bool compared(const std::string& place, const std::shared_ptr<const void>& what);
  void note_compared(const std::string& place, const std::shared_ptr<const void>& what);

  /// CONFIG_PHYSICAL_ALIGN of x86 kernels is a multiple of it (arch/x86/Kconfig).
  static constexpr std::uint64_t kAlignment = std::uint64_t{2} << 20;

 private:
  static constexpr std::size_t kMaxBuilds = 32, kMaxPlaces = 4096;
  std::mutex mutex_;
  std::vector<std::shared_ptr<const KernelBuild>> builds_;
  std::map<std::string, std::shared_ptr<const Btf>> types_;
  std::map<std::string, std::shared_ptr<const UntypedKernel>> untyped_;
  std::map<std::string, std::weak_ptr<const void>> compared_;
};

}  // namespace ringside::guest::linux
