// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/linux/listing.h"

#include <cstdint>
#include <optional>
#include <string>

namespace ringside::guest::linux {

/// One struct bpf_link: what holds a program where it is attached.
struct BpfLink {
  Gva address;
  std::uint32_t id = 0;
  std::string type;  ///< "raw_tracepoint", "tracing", "xdp"
  Gva program;       ///< the struct bpf_prog; 0: it is being let go
  std::optional<std::uint32_t> program_id;
  /// Where: the tracepoint of a raw_tracepoint link, the address of the function of a tracing link. Empty:
  /// not told for this type.
  std::string target;
  Gva operations;  ///< its struct bpf_link_ops
};

/// The links in link_idr. None on a kernel without BPF. An error means that nothing could be said.
Result<Listing<BpfLink>> bpf_links(Kernel& kernel);

}  // namespace ringside::guest::linux
