// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/options.h"
#include "guest/address_space.h"

#include <cstdint>
#include <memory>
#include <optional>

namespace ringside::agent {

/// Through whose page tables a verb looks at guest-virtual memory.
struct AddressSpaceChoice {
  std::uint64_t vcpu = 0;
  std::optional<std::uint64_t> cr3;  ///< instead of the vCPU's own

  /// --vcpu and --cr3.
  void add_to(CLI::App& verb);
  Result<guest::AddressSpace> open(guest::Snapshot& snapshot) const;
};

}  // namespace ringside::agent
