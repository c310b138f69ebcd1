// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/golden/decompress.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>

namespace ringside::guest::linux {

namespace {

Error failure(archive* from) {
  const char* why = archive_error_string(from);
  return {Errc::malformed, std::string("cannot decompress: ") + (why == nullptr ? "no reason given" : why)};
}

}  // namespace

Result<Bytes> decompress(ByteView packed, std::size_t most) {
  const std::unique_ptr<archive, int (*)(archive*)> reader(archive_read_new(), archive_read_free);
  if (!reader) return fail(Errc::io, "cannot decompress: out of memory");
  // By name, and not "all": some filters of the library would run a program.
  archive_read_support_filter_gzip(reader.get());
  archive_read_support_filter_bzip2(reader.get());
  archive_read_support_filter_lzma(reader.get());
  archive_read_support_filter_xz(reader.get());
  archive_read_support_filter_zstd(reader.get());
  archive_read_support_filter_lz4(reader.get());
  archive_read_support_format_raw(reader.get());
  archive_read_support_format_empty(reader.get());
  if (archive_read_open_memory(reader.get(), packed.data(), packed.size()) != ARCHIVE_OK)
    return fail(failure(reader.get()));
  archive_entry* entry = nullptr;
  if (archive_read_next_header(reader.get(), &entry) != ARCHIVE_OK) return fail(failure(reader.get()));
  Bytes out;
  std::array<std::byte, 1u << 16> piece{};
  for (;;) {
    const auto got = archive_read_data(reader.get(), piece.data(), piece.size());
    if (got < 0) return fail(failure(reader.get()));
    if (got == 0) return out;
    const auto size = static_cast<std::size_t>(got);
    if (size > most - out.size())
      return fail(Errc::oversized, "cannot decompress: it is more than " + std::to_string(most) + " bytes");
    out.insert(out.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(size));
  }
}

}  // namespace ringside::guest::linux
