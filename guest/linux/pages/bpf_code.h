// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/linux/listing.h"
#include "guest/linux/pages/vmalloc_areas.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ringside::guest::linux {

/// A compiled BPF program (struct bpf_prog), classic ones included. The kernel lists those of bpf(2) only;
/// but each has a vmalloc area of its own (kernel/bpf/core.c, bpf_prog_alloc_no_stats).
struct BpfProgram {
  Gva address;                      ///< of the struct bpf_prog
  Gva code;                         ///< its first instruction
  std::uint64_t code_size = 0;      ///< bytes
  std::optional<std::uint32_t> id;  ///< as bpftool shows it; 0: none, a classic one or a part of another
  Gva fixups{0};                    ///< exception table that stands behind the code
  std::uint64_t fixup_count = 0;    ///< entries in it
};

/// Most bytes of one program's code: one million instructions (BPF_COMPLEXITY_LIMIT_INSNS), 64 bytes each.
inline constexpr std::uint64_t kMaxBpfCode = std::uint64_t{64} << 20;

/// The programs that have machine code. Problems: what could not be read.
Listing<BpfProgram> bpf_programs(Kernel& kernel);

/// A pack: memory that is executable from the start, and that is given to programs in chunks of 64 bytes
/// (from 5.18; kernel/bpf/core.c, struct bpf_prog_pack).
struct BpfPack {
  Gva first;
  std::uint64_t size = 0;
  std::vector<std::uint64_t> bitmap;  ///< bit n: chunk n is given away

  static constexpr std::uint64_t kChunk = 64;
  bool contains(Gva gva) const { return gva - first < size; }
  bool used(std::uint64_t chunk) const { return ((bitmap[chunk / 64] >> (chunk % 64)) & 1) != 0; }
};

/// Most packs that are walked, and most bytes of one: 2 MiB for each NUMA node.
inline constexpr std::uint64_t kMaxBpfPacks = 1024, kMaxBpfPack = std::uint64_t{64} << 20;

/// Most bytes of all packs together whose content is compared.
inline constexpr std::uint64_t kMaxBpfPackBytes = std::uint64_t{256} << 20;

/// The packs; no entries where the kernel has none.
Listing<BpfPack> bpf_packs(Kernel& kernel);

/// What of a pack belongs to somebody.
struct BpfExtent {
  Gva first;
  std::uint64_t size = 0;  ///< bytes, from the start of a chunk to the end of one
  /// Bytes of these that are code or data; the others are filler.
  struct Part {
    Gva first;
    std::uint64_t size = 0;
  };
  std::vector<Part> parts;
};

/// What is wrong in a pack.
struct PackFault {
  Gva at;
  std::string what;
};

/// Compares a pack with what it should hold: `bytes` are its content, `extents` what is known to be there, in
/// any order. Each chunk that is given away must belong to one of `extents`, and all else must be filler
/// (int3, or 0). nullopt: so it is; otherwise what is wrong first.
std::optional<PackFault> wrong_in_pack(const BpfPack& pack, ByteView bytes,
                                       const std::vector<BpfExtent>& extents);

}  // namespace ringside::guest::linux
