// SPDX-License-Identifier: Apache-2.0
#include "policies/engine/fingerprint.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>

namespace ringside::policies {

namespace {

constexpr std::size_t kBytes = 8;  // of the hash: 16 digits

/// Lengths go in too, so that no two lists of fields run into the same bytes.
void add(std::string& all, std::string_view field) {
  all += std::to_string(field.size()) + ":";
  all += field;
}

std::string to_text(const Value& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) return "i" + std::to_string(*number);
  if (const auto* text = std::get_if<std::string>(&value)) return "t" + *text;
  return "n";
}

std::string digest(std::string_view fields) {
  std::array<std::byte, EVP_MAX_MD_SIZE> hash{};
  unsigned size = 0;
  EVP_Digest(fields.data(), fields.size(), reinterpret_cast<unsigned char*>(hash.data()), &size, EVP_sha256(),
             nullptr);
  return to_hex(ByteView(hash).first(kBytes));
}

}  // namespace

std::string fingerprint(const Policy& policy, const Check& check, const std::vector<QueryColumn>& columns,
                        const std::vector<Value>& row) {
  std::string fields;
  add(fields, policy.name);
  add(fields, check.id);
  for (std::size_t i = 0; i < columns.size() && i < row.size(); ++i) {
    const bool is_key = check.key.empty() ||
                        std::find(check.key.begin(), check.key.end(), columns[i].name) != check.key.end();
    if (!is_key) continue;
    add(fields, columns[i].name);
    add(fields, to_text(row[i]));
  }
  return digest(fields);
}

std::string identity(std::string_view fingerprint, const std::vector<QueryColumn>& columns,
                     const std::vector<Value>& row) {
  std::string fields;
  add(fields, fingerprint);
  for (std::size_t i = 0; i < columns.size() && i < row.size(); ++i) {
    const bool content = columns[i].type == ColumnType::address || columns[i].type == ColumnType::bytes;
    if (!content || columns[i].live) continue;
    add(fields, columns[i].name);
    add(fields, to_text(row[i]));
  }
  return digest(fields);
}

}  // namespace ringside::policies
