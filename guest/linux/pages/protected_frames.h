// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/linux/listing.h"
#include "guest/linux/pages/kernel_mappings.h"
#include "guest/linux/pages/page_table_faults.h"

#include <functional>
#include <string>
#include <vector>

namespace ringside::guest::linux {

/// Guest-physical memory that no mapping may make writable.
struct ProtectedFrames {
  Gpa first;
  std::uint64_t size = 0;
  Gva gva;           ///< where it is at home
  std::string what;  ///< "text of veth"
};

/// What `kind` (writable_code, writable_rodata, writable_idt) is about, in order of GPA, each frame once.
/// Problems: what is not known.
Listing<ProtectedFrames> protected_frames(Kernel& kernel, const KernelMappings& mappings,
                                          PageTableFaultKind kind);

/// Calls `visit` for each writable mapping of a protected frame, until it returns false: with the mapping cut
/// to it, and what it is. `frames` as protected_frames() gives them.
void each_writable_alias(const KernelMappings& mappings, const std::vector<ProtectedFrames>& frames,
                         const std::function<bool(const x86::Mapping&, const ProtectedFrames&)>& visit);

}  // namespace ringside::guest::linux
