// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/findings.h"
#include "base/bytes.h"
#include "base/error.h"

#include <cstdint>
#include <string>
#include <vector>

namespace ringside::agent {

/// Evidence by content: one file a piece, named by its SHA-256, compressed (zstd), mode 0400. Pieces are
/// pages of a guest's memory, registers, disassembly, JSON. Thread-safe.
class EvidenceStore {
 public:
  struct Piece {
    std::string sha256;        ///< of the uncompressed bytes
    std::uint64_t bytes = 0;   ///< uncompressed
    std::uint64_t stored = 0;  ///< on disk
    Moment kept{};
  };
  struct Damage {
    std::string sha256, what;
  };

  /// At most `bound` bytes on disk: the oldest pieces go first.
  static Result<EvidenceStore> open(const std::string& directory, std::uint64_t bound);

  /// Gives the SHA-256. Kept already: nothing is written, but it counts as kept now.
  Result<std::string> keep(ByteView bytes, Moment now);
  /// `not_found`; `mismatch`: it no longer has its hash.
  Result<Bytes> load(const std::string& sha256) const;
  Result<std::vector<Piece>> list() const;
  /// Every piece read and hashed again.
  Result<std::vector<Damage>> verify() const;
  /// What went because of the bound since the last call: to be journaled.
  std::vector<std::string> take_dropped();

 private:
  EvidenceStore(std::string directory, std::uint64_t bound);
  std::string directory_;
  std::uint64_t bound_;
  std::vector<std::string> dropped_;
};

}  // namespace ringside::agent
