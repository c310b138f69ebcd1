// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/pages/bpf_code.h"
#include "guest/linux/pages/code_owners.h"
#include "guest/linux/pages/executable_pages.h"
#include "guest/linux/pages/kernel_mappings.h"

#include <cstdint>
#include <optional>
#include <string>

namespace ringside::guest::linux {

/// Compares code with what its owner should have put there.
class CodeContents {
 public:
  CodeContents(Kernel& kernel, const KernelMappings& mappings) : kernel_(kernel), mappings_(mappings) {}

  struct Verdict {
    CodeContent content = CodeContent::not_checked;
    std::string why;          ///< what is wrong, or why it was not checked
    std::optional<Gva> at{};  ///< of a pack of BPF: what is wrong
  };
  Verdict of(const CodeOwner& owner);
  /// True if all bytes of [first, first + size) are int3; false too if they cannot be read.
  bool is_filler(Gva first, std::uint64_t size);

 private:
  Verdict pack(const CodeOwner& owner);
  Verdict program(const CodeOwner& owner);
  Verdict trampoline(const CodeOwner& owner);
  Verdict slots(const CodeOwner& owner);
  Verdict real_mode(const CodeOwner& owner);
  /// What follows the code in its last page was never used.
  Verdict rest_of_page(const CodeOwner& owner);
  void find_extents();

  Kernel& kernel_;
  const KernelMappings& mappings_;
  Listing<BpfPack> packs_;
  std::uint64_t compared_ = 0;  ///< bytes of packs and images
  std::optional<std::vector<BpfProgram>> programs_;
  std::optional<std::vector<BpfExtent>> extents_;  ///< what stands in packs
};

}  // namespace ringside::guest::linux
