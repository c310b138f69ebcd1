// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/findings.h"
#include "base/bytes.h"
#include "base/error.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace ringside::agent {

/// Evidence by content: one file a piece, mode 0400, `SHA256.zst`: what `zstd -d` makes of it has the SHA-256
/// of its name. Pieces are pages of a guest's memory, registers, disassembly, JSON. Thread-safe.
class EvidenceStore {
 public:
  struct Piece {
    std::string sha256;        ///< of the uncompressed bytes
    std::uint64_t bytes = 0;   ///< uncompressed, as the file claims; 0: it does not say
    std::uint64_t stored = 0;  ///< on disk, in whole blocks of 4 KiB
    Moment kept{};             ///< the file's modification time
  };
  struct Damage {
    std::string name, what;  ///< the piece's SHA-256, or the name of a file that is no piece
  };
  /// Called before pieces go because of the bound, with their SHA-256, for the journal; after an error they
  /// stay. It must not call the store.
  using Dropping = std::function<Result<void>(const std::vector<std::string>&)>;

  static constexpr std::uint64_t kMaxPiece = 64 << 20;

  /// For the one writer. Makes the directory, mode 0700. At most `bound` bytes on disk: beyond it the oldest
  /// pieces go, until a sixteenth is free. keep() must then not be called inside a StateDatabase transaction
  /// if `dropping` begins one.
  static Result<std::unique_ptr<EvidenceStore>> open(const std::string& directory, std::uint64_t bound,
                                                     Dropping dropping);
  /// To look at; `not_found` if there is no directory. keep() must not be called.
  static Result<std::unique_ptr<EvidenceStore>> open_existing(const std::string& directory);

  /// Gives the SHA-256. Kept already: nothing is written, but it counts as kept now; one that was damaged is
  /// mended. `oversized`: more than kMaxPiece, or than the bound; `io`: the disk is full, ...
  Result<std::string> keep(ByteView bytes, Moment now);
  /// `not_found`; `mismatch`: it no longer has its hash.
  Result<Bytes> load(const std::string& sha256) const;
  /// Last kept first.
  Result<std::vector<Piece>> list() const;
  /// Every piece read and hashed again, and what else lies there.
  Result<std::vector<Damage>> verify() const;

 private:
  EvidenceStore(std::string directory, std::uint64_t bound, Dropping dropping)
      : directory_(std::move(directory)), bound_(bound), dropping_(std::move(dropping)) {}
  std::string file_of(const std::string& sha256) const { return directory_ + '/' + sha256 + ".zst"; }
  Result<void> tidy_up();
  Result<void> make_room(std::uint64_t bytes);
  Result<std::uint64_t> write(const std::string& sha256, ByteView frame, Moment now) const;

  std::string directory_;
  std::uint64_t bound_;
  Dropping dropping_;
  std::mutex mutex_;         ///< of keep()
  std::uint64_t total_ = 0;  ///< on disk, as far as this process knows
};

}  // namespace ringside::agent
