// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"

#include <initializer_list>
#include <string>
#include <string_view>

namespace ringside::agent {

/// SHA-256 as 64 lower-case hexadecimal digits.
std::string sha256_hex(ByteView bytes);

/// The same over several texts, each with its length (8 bytes, little-endian) before it, so that no two lists
/// of texts are the same bytes.
std::string sha256_of_fields(std::initializer_list<std::string_view> fields);

/// 64 lower-case hexadecimal digits.
bool is_sha256(std::string_view text);

}  // namespace ringside::agent
