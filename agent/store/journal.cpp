// SPDX-License-Identifier: Apache-2.0
#include "agent/store/journal.h"

#include "agent/store/digest.h"

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace ringside::agent {

namespace {

constexpr const char* kRows =
    "SELECT number, at, kind, body, hash FROM journal WHERE number >= ? ORDER BY number LIMIT ?";

/// A row as it stands in the file; nothing of it is trusted.
struct Row {
  explicit Row(SQLite::Statement& from)
      : number(from.getColumn(0).getInt64()),
        at(from.getColumn(1).getInt64()),
        kind(from.getColumn(2).getString()),
        body(from.getColumn(3).getString()),
        hash(from.getColumn(4).getString()) {}

  Result<Journal::Entry> entry() const {
    Json parsed = Json::parse(body, nullptr, false);
    if (parsed.is_discarded())
      return fail(Errc::malformed, fmt::format("journal: entry {} was changed: it is no JSON", number),
                  "ringside evidence verify says more");
    return Journal::Entry{static_cast<std::uint64_t>(number), Moment(std::chrono::microseconds(at)), kind,
                          std::move(parsed), hash};
  }

  std::int64_t number, at;
  std::string kind, body, hash;
};

std::string hash_of(const std::string& before, std::int64_t number, std::int64_t at, const std::string& kind,
                    const std::string& body) {
  return sha256_of_fields({before, std::to_string(number), std::to_string(at), kind, body});
}

struct Head {
  std::int64_t number = 0;
  std::string hash;
};

std::optional<Head> read_head(SQLite::Database& database) {
  SQLite::Statement row(database, "SELECT number, hash FROM journal_head");
  if (!row.executeStep()) return std::nullopt;
  return Head{row.getColumn(0).getInt64(), row.getColumn(1).getString()};
}

/// Follows the chain and says where it first breaks.
class Chain {
 public:
  void add(const Row& row) {
    if (!broken_ && row.number != last_.number + 1) {
      if (last_.number + 1 == row.number - 1)
        broken_ = fmt::format("entry {} is missing", last_.number + 1);
      else if (row.number > last_.number)
        broken_ = fmt::format("entries {} to {} are missing", last_.number + 1, row.number - 1);
      else
        broken_ = fmt::format("entry {} should not be there", row.number);
    }
    if (!broken_ && row.hash != hash_of(last_.hash, row.number, row.at, row.kind, row.body))
      broken_ =
          row.number == 1
              ? std::string("entry 1 was changed: it does not have its hash")
              : fmt::format("entry {} was changed, or the hash of the one before: it does not have its hash",
                            row.number);
    last_ = {row.number, row.hash};
  }
  void end(const std::optional<Head>& head) {
    if (broken_) return;
    if (!head) {
      if (last_.number != 0)
        broken_ = fmt::format("the head was removed (the last entry is {})", last_.number);
    } else if (head->number > last_.number) {
      broken_ =
          last_.number + 1 == head->number
              ? fmt::format("entry {}, the last one, is missing", head->number)
              : fmt::format("entries {} to {}, the last ones, are missing", last_.number + 1, head->number);
    } else if (head->number < last_.number) {
      broken_ = fmt::format("entry {} was added behind the head", head->number + 1);
    } else if (head->hash != last_.hash) {
      broken_ = fmt::format("entry {}, the last one, is not the one that the head names", last_.number);
    }
  }
  std::optional<std::string> broken() const { return broken_; }
  const Head& last() const { return last_; }

 private:
  Head last_;
  std::optional<std::string> broken_;
};

}  // namespace

Result<Journal::Entry> Journal::append(const std::string& kind, const Json& body, Moment at) {
  Entry entry{0, at, kind, body, {}};
  RINGSIDE_CHECK(database_.transaction([&](SQLite::Database& database) -> Result<void> {
    const auto head = read_head(database).value_or(Head{});
    // Where somebody took the tail or the head away, numbers and hash go on from what is left in such a way
    // that the gap stays to be seen.
    const std::int64_t last = database.execAndGet("SELECT ifnull(max(number), 0) FROM journal").getInt64();
    const std::int64_t highest = std::max(head.number, last);
    if (highest == std::numeric_limits<std::int64_t>::max())
      return fail(Errc::malformed,
                  "journal: the number of its last entry was changed to the highest that there is");
    const std::int64_t number = highest + 1;
    const std::string text = body.dump(-1, ' ', false, Json::error_handler_t::replace);
    entry.number = static_cast<std::uint64_t>(number);
    entry.hash = hash_of(head.hash, number, at.time_since_epoch().count(), kind, text);
    SQLite::Statement insert(database, "INSERT INTO journal VALUES(?, ?, ?, ?, ?)");
    insert.bind(1, number);
    insert.bind(2, static_cast<std::int64_t>(at.time_since_epoch().count()));
    insert.bind(3, kind);
    insert.bind(4, text);
    insert.bind(5, entry.hash);
    insert.exec();
    SQLite::Statement mark(database, "INSERT OR REPLACE INTO journal_head VALUES(1, ?, ?)");
    mark.bind(1, number);
    mark.bind(2, entry.hash);
    mark.exec();
    return {};
  }));
  return entry;
}

Result<Journal::Verified> Journal::verify(const std::string& known_head) {
  if (!known_head.empty() && !is_sha256(known_head))
    return fail(Errc::invalid_argument, fmt::format("\"{}\" is no head of a journal", known_head),
                "it is 64 hexadecimal digits, as `ringside evidence verify` printed them");
  Verified verified;
  Chain chain;
  bool known = known_head.empty();
  RINGSIDE_CHECK(database_.reading([&](SQLite::Database& database) -> Result<void> {
    SQLite::Statement rows(database, "SELECT number, at, kind, body, hash FROM journal ORDER BY number");
    while (rows.executeStep()) {
      const Row row(rows);
      chain.add(row);
      known = known || row.hash == known_head;
      ++verified.entries;
    }
    chain.end(read_head(database));
    return {};
  }));
  verified.head = chain.last().hash;
  verified.broken = chain.broken();
  if (!verified.broken && !known)
    verified.broken = fmt::format(
        "the head that was noted, {}, is not in the journal: it was replaced, or is older than the note",
        known_head);
  return verified;
}

Result<std::vector<Journal::Entry>> Journal::read(std::uint64_t first, std::size_t limit) {
  std::vector<Entry> entries;
  RINGSIDE_CHECK(database_.reading([&](SQLite::Database& database) -> Result<void> {
    constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
    SQLite::Statement rows(database, kRows);
    rows.bind(1, static_cast<std::int64_t>(std::min(first, kMost)));
    rows.bind(2, static_cast<std::int64_t>(std::min<std::uint64_t>(limit, kMost)));
    while (rows.executeStep()) {
      RINGSIDE_TRY(Entry entry, Row(rows).entry());
      entries.push_back(std::move(entry));
    }
    return {};
  }));
  return entries;
}

Result<void> Journal::each(const std::function<bool(const Entry&)>& each) {
  return database_.reading([&](SQLite::Database& database) -> Result<void> {
    SQLite::Statement rows(database, kRows);
    rows.bind(1, static_cast<std::int64_t>(0));
    rows.bind(2, static_cast<std::int64_t>(-1));
    while (rows.executeStep()) {
      RINGSIDE_TRY(const Entry entry, Row(rows).entry());
      if (!each(entry)) break;
    }
    return {};
  });
}

}  // namespace ringside::agent
