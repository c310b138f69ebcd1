// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "guest/snapshot.h"
#include "guest/snapshot_stream.h"

#include <memory>
#include <string>

namespace ringside::guest {

/// Writes a snapshot: guest info, memory map, registers and every page that it holds. Versioned, compressed
/// (zstd), with a SHA-256 over everything. The format is described in docs/snapshot-format.md. The file
/// appears whole or not at all (written beside, synced, renamed).
Result<void> save_snapshot(const Snapshot& snapshot, const std::string& path,
                           Compression compression = Compression::fast);

/// Loads one. Pages that were not saved read as `unavailable`. `malformed` for a wrong magic, version,
/// checksum or length; a hostile file costs no more than its own size and the bound of 64 GiB of claimed
/// pages.
Result<std::unique_ptr<Snapshot>> load_snapshot(const std::string& path);

/// The same of a file's contents.
Result<std::unique_ptr<Snapshot>> parse_snapshot(ByteView file);

/// True if the file starts with the snapshot magic.
bool is_snapshot_file(const std::string& path);

}  // namespace ringside::guest
