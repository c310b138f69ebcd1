// SPDX-License-Identifier: Apache-2.0
#include "agent/policy_test/patch_query.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <optional>

namespace ringside::agent {

using policies::Value;

namespace {

/// SQLite's integers are signed, addresses are not.
std::optional<std::uint64_t> as_number(const Value& value) {
  const auto* number = std::get_if<std::int64_t>(&value);
  return number == nullptr ? std::nullopt : std::optional(static_cast<std::uint64_t>(*number));
}

tl::unexpected<Error> no_row(const policies::QueryResult& result) {
  // What the snapshot lacks is the likeliest reason.
  return fail(Errc::not_found,
              "the query gives no row" + (result.incomplete.empty() ? "" : ": " + result.incomplete.front()));
}

/// The lowest `size` bytes of a number, or the bytes of hexadecimal digits.
Result<Bytes> bytes_of(const Value& value, std::size_t size) {
  if (const auto number = as_number(value)) {
    Bytes bytes;
    for (std::size_t i = 0; i < size; ++i) bytes.push_back(static_cast<std::byte>(*number >> (8 * i)));
    return bytes;
  }
  const auto* text = std::get_if<std::string>(&value);
  auto bytes = text == nullptr ? std::nullopt : from_hex(*text);
  if (!bytes || bytes->empty())
    return fail(Errc::invalid_argument,
                "the query's second column is what is written: a number, or hexadecimal digits");
  return std::move(*bytes);
}

}  // namespace

bool is_patch_query(std::string_view text) {
  const auto begins_with = [&](std::string_view word) {
    return text.size() > word.size() &&
           std::equal(word.begin(), word.end(), text.begin(),
                      [](char a, char b) { return a == std::toupper(static_cast<unsigned char>(b)); }) &&
           std::isspace(static_cast<unsigned char>(text[word.size()])) != 0;
  };
  return begins_with("SELECT") || begins_with("WITH");
}

Result<policies::QueryResult> PatchQueries::ask(const std::string& sql) {
  if (database_ == nullptr) {
    RINGSIDE_TRY(database_, policies::Database::create());
    database_->bind(&snapshot_);
  }
  policies::QueryLimits limits;
  limits.max_rows = kMaxPatchRows;
  return database_->query(sql, limits);
}

Result<std::uint64_t> PatchQueries::number(const std::string& sql) {
  RINGSIDE_TRY(const auto result, ask(sql));
  if (result.rows.empty()) return no_row(result);
  const auto number = as_number(result.rows[0].at(0));
  if (!number) return fail(Errc::not_found, "the query's first column is no number");
  return *number;
}

Result<std::vector<PatchWrite>> PatchQueries::writes(const std::string& sql) {
  RINGSIDE_TRY(const auto result, ask(sql));
  if (result.columns.size() < 2 || result.columns.size() > 3)
    return fail(Errc::invalid_argument,
                "a query that patches gives two columns, address and value, or three, with the size");
  if (result.rows.empty()) return no_row(result);
  std::vector<PatchWrite> writes;
  for (const auto& row : result.rows) {
    const auto address = as_number(row[0]);
    if (!address) return fail(Errc::not_found, "the query's first column, the address, is no number");
    const auto size = row.size() == 3 ? as_number(row[2]) : pointer_size_;
    if (!size || *size < 1 || *size > 8)
      return fail(Errc::invalid_argument, "the query's third column, the size, is 1 to 8 bytes");
    RINGSIDE_TRY(Bytes bytes, bytes_of(row[1], *size));
    writes.push_back({guest::Gva{*address}, std::move(bytes)});
  }
  return writes;
}

}  // namespace ringside::agent
