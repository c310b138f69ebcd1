// SPDX-License-Identifier: Apache-2.0
#include "agent/store/digest.h"

#include "guest/snapshot_stream.h"

#include <algorithm>
#include <array>

namespace ringside::agent {

std::string sha256_hex(ByteView bytes) {
  guest::Sha256 hash;
  hash.add(bytes);
  return to_hex(hash.finish());
}

std::string sha256_of_fields(std::initializer_list<std::string_view> fields) {
  guest::Sha256 hash;
  for (const std::string_view field : fields) {
    std::array<std::byte, 8> length{};
    for (std::size_t i = 0; i < length.size(); ++i)
      length[i] = static_cast<std::byte>(std::uint64_t{field.size()} >> (8 * i));
    hash.add(length);
    hash.add(as_bytes(field));
  }
  return to_hex(hash.finish());
}

bool is_sha256(std::string_view text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

}  // namespace ringside::agent
