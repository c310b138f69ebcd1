// SPDX-License-Identifier: Apache-2.0
#include "policies/baseline_store/text_rows.h"

#include "guest/linux/text/kept_text.h"
#include "guest/snapshot_stream.h"
#include "policies/baseline_store/cells.h"

#include <SQLiteCpp/Database.h>

#include <algorithm>
#include <utility>

namespace ringside::policies {

namespace {

guest::Sha256Digest digest_of(ByteView bytes) {
  guest::Sha256 hash;
  hash.add(bytes);
  return hash.finish();
}

Result<Bytes> compressed(ByteView bytes) {
  Bytes all;
  guest::Compressor compressor([&](ByteView piece) -> Result<void> {
    all.insert(all.end(), piece.begin(), piece.end());
    return {};
  });
  RINGSIDE_CHECK(compressor.add(bytes));
  RINGSIDE_CHECK(compressor.finish());
  return all;
}

}  // namespace

Result<void> insert_text(SQLite::Database& database, std::int64_t baseline, const Baseline& from) {
  SQLite::Statement reason(database, "INSERT INTO text_incomplete VALUES(?, ?, ?)");
  std::int64_t position = 0;
  for (const auto& one : from.text_incomplete) with(reason, baseline, position++, one).exec();
  if (!from.text) return {};
  SQLite::Statement region(database, "INSERT INTO text_region VALUES(?, ?, ?, ?, ?, ?, ?, ?)");
  position = 0;
  for (const auto& one : from.text->regions) {
    RINGSIDE_TRY(const Bytes code, compressed(one.bytes));
    with(region, baseline, position++, one.module, one.identity, static_cast<std::int64_t>(one.first.value),
         std::ssize(one.bytes), ByteView(digest_of(one.bytes)), ByteView(code))
        .exec();
  }
  return {};
}

Result<void> load_text(SQLite::Database& database, std::int64_t baseline, Baseline& into) {
  namespace linux = guest::linux;
  SQLite::Statement reasons(database,
                            "SELECT reason FROM text_incomplete WHERE baseline = ? ORDER BY position");
  with(reasons, baseline);
  while (reasons.executeStep()) into.text_incomplete.push_back(text(reasons, 0));
  linux::KeptText kept;
  std::uint64_t total = 0;
  SQLite::Statement regions(database,
                            "SELECT module, identity, first, size, digest, code FROM text_region "
                            "WHERE baseline = ? ORDER BY position");
  with(regions, baseline);
  while (regions.executeStep()) {
    // The size is a number in a file: it is bounded before memory is taken for it.
    const auto size = static_cast<std::uint64_t>(integer(regions, 3));
    if (size > linux::KernelText::kMaxAll - total)
      return fail(Errc::malformed, "baseline store: code of a kernel would be too large");
    total += size;
    linux::KeptRegion one{text(regions, 0), text(regions, 1),
                          guest::Gva{static_cast<std::uint64_t>(integer(regions, 2))}, Bytes(size)};
    guest::Decompressor frame(blob(regions, 5));
    RINGSIDE_CHECK(frame.read(one.bytes));
    const auto digest = digest_of(one.bytes);
    const ByteView stored = blob(regions, 4);
    if (!std::equal(stored.begin(), stored.end(), digest.begin(), digest.end()))
      return fail(Errc::malformed, "baseline store: kept code is damaged");
    kept.regions.push_back(std::move(one));
  }
  if (!kept.regions.empty()) into.text = std::make_shared<const linux::KeptText>(std::move(kept));
  return {};
}

}  // namespace ringside::policies
