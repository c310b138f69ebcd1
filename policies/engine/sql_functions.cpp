// SPDX-License-Identifier: Apache-2.0
#include "policies/engine/sql_functions.h"

#include "base/bytes.h"
#include "guest/x86/page_tables.h"

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace ringside::policies {

namespace {

bool any_null(int argc, sqlite3_value** argv) {
  for (int i = 0; i < argc; ++i)
    if (sqlite3_value_type(argv[i]) == SQLITE_NULL) return true;
  return false;
}

std::uint64_t number(sqlite3_value* value) {
  return static_cast<std::uint64_t>(sqlite3_value_int64(value));
}

void hex_address_function(sqlite3_context* context, int argc, sqlite3_value** argv) {
  if (any_null(argc, argv)) return sqlite3_result_null(context);
  const std::string text = hex_address(number(argv[0]));
  sqlite3_result_text64(context, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}

/// SQLite's hex() takes a number for its decimal digits and shows those, which serves nobody who looks at
/// addresses. Blobs and text keep their meaning: upper-case digits of the bytes; NULL gives ''.
void hex_function(sqlite3_context* context, int, sqlite3_value** argv) {
  std::string text;
  if (sqlite3_value_type(argv[0]) == SQLITE_INTEGER) {
    text = fmt::format("{:#x}", number(argv[0]));
  } else {
    const auto* bytes = static_cast<const unsigned char*>(sqlite3_value_blob(argv[0]));
    const int size = sqlite3_value_bytes(argv[0]);
    for (int i = 0; bytes != nullptr && i < size; ++i) text += fmt::format("{:02X}", bytes[i]);
  }
  sqlite3_result_text64(context, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}

void unsigned_less(sqlite3_context* context, int argc, sqlite3_value** argv) {
  if (any_null(argc, argv)) return sqlite3_result_null(context);
  sqlite3_result_int(context, number(argv[0]) < number(argv[1]) ? 1 : 0);
}

void is_kernel_address(sqlite3_context* context, int argc, sqlite3_value** argv) {
  using guest::x86::PagingMode;
  if (any_null(argc, argv)) return sqlite3_result_null(context);
  const std::string_view name = reinterpret_cast<const char*>(sqlite3_value_text(argv[1]));
  for (const auto mode :
       {PagingMode::two_level, PagingMode::pae, PagingMode::four_level, PagingMode::five_level})
    if (guest::x86::to_string(mode) == name)
      return sqlite3_result_int(context, number(argv[0]) >= guest::x86::kernel_half(mode).value ? 1 : 0);
  sqlite3_result_null(context);
}

}  // namespace

bool register_functions(sqlite3* db) {
  constexpr int kFlags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
  const auto add = [&](const char* name, int arguments,
                       void (*function)(sqlite3_context*, int, sqlite3_value**)) {
    return sqlite3_create_function_v2(db, name, arguments, kFlags, nullptr, function, nullptr, nullptr,
                                      nullptr) == SQLITE_OK;
  };
  return add("hex", 1, hex_function) && add("hex_address", 1, hex_address_function) &&
         add("unsigned_less", 2, unsigned_less) && add("is_kernel_address", 2, is_kernel_address);
}

}  // namespace ringside::policies
