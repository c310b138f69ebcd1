// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/linux/listing.h"

#include <cstdint>
#include <optional>
#include <string>

namespace ringside::guest::linux {

/// One struct bpf_map. nullopt: this kernel does not tell.
struct BpfMap {
  Gva address;
  std::uint32_t id = 0;
  std::string type, name;  ///< "percpu_hash"
  std::optional<std::uint32_t> key_size, value_size, max_entries, flags;
  std::optional<bool> frozen;
  Gva operations;  ///< its struct bpf_map_ops
};

/// Most maps, and most links, that a walk takes.
inline constexpr std::uint64_t kMaxBpfObjects = 1u << 17;

/// The maps in map_idr. None on a kernel without BPF. An error means that nothing could be said.
Result<Listing<BpfMap>> bpf_maps(Kernel& kernel);

}  // namespace ringside::guest::linux
