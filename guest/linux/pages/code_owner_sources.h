// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/pages/code_owners.h"

#include <cstdint>
#include <map>

// The parts of code_owners().
namespace ringside::guest::linux {

/// Collects owners.
class Owners {
 public:
  void add(CodeOwner owner);
  /// Code of BPF: what stands in a pack that was added is told by the pack.
  void add_bpf(CodeOwner owner);
  void problem(Error error) { listing_.problem(std::move(error)); }
  Listing<CodeOwner> take();

 private:
  Listing<CodeOwner> listing_;
  std::map<Gva, std::uint64_t> packs_;  ///< bytes, by first address
  bool full_ = false;
};

/// The real-mode page, the pages of kexec, Hyper-V's hypercalls and vsyscall.
void add_lone_pages(Kernel& kernel, Owners& owners);
/// Pages of trampolines that maps of type struct_ops hold.
void add_struct_ops(Kernel& kernel, Owners& owners);
/// Pages of thunks that modules were given against Indirect Target Selection.
void add_module_thunks(Kernel& kernel, Owners& owners);
/// Text of modules' init that waits to be freed.
void add_freed_module_text(Kernel& kernel, Owners& owners);

}  // namespace ringside::guest::linux
