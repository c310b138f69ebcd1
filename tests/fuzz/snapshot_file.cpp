// SPDX-License-Identifier: Apache-2.0
#include "guest/snapshot_file.h"

#include "guest/snapshot_stream.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace {

using namespace ringside;

void parse(ByteView file) {
  const auto snapshot = guest::parse_snapshot(file);
  if (!snapshot) return;
  for (const auto& [gpa, page] : (*snapshot)->pages())
    if (!(*snapshot)->map().find(guest::Gpa{gpa})) std::abort();
}

/// A snapshot file around `body`, compressed and with a right checksum, to get behind both.
Bytes wrap(ByteView header, ByteView body) {
  Bytes file(header.begin(), header.end());
  const auto append = [&file](ByteView bytes) -> Result<void> {
    file.insert(file.end(), bytes.begin(), bytes.end());
    return {};
  };
  guest::Compressor compressor(append);
  if (!compressor.add(body) || !compressor.finish()) std::abort();
  return file;
}

void add_checksum(Bytes& file) {
  guest::Sha256 checksum;
  checksum.add(file);
  const guest::Sha256Digest digest = checksum.finish();
  file.insert(file.end(), digest.begin(), digest.end());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView input = std::as_bytes(std::span(data, size));
  parse(input);
  Bytes signed_file(input.begin(), input.end());
  add_checksum(signed_file);
  parse(signed_file);
  if (input.size() >= 32) {
    Bytes wrapped = wrap(input.first(32), input.subspan(32));
    add_checksum(wrapped);
    parse(wrapped);
  }
  return 0;
}
