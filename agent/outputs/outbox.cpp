// SPDX-License-Identifier: Apache-2.0
#include "agent/outputs/outbox.h"

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>

namespace ringside::agent {

namespace {

std::int64_t column(std::uint64_t number) {
  return static_cast<std::int64_t>(number);
}

std::uint64_t waiting(SQLite::Database& database, const std::string& output) {
  SQLite::Statement count(database, "SELECT count(*) FROM outbox WHERE output = ?");
  count.bind(1, output);
  count.executeStep();
  return static_cast<std::uint64_t>(count.getColumn(0).getInt64());
}

void add(SQLite::Database& database, const std::string& output, const char* counter, std::uint64_t by) {
  SQLite::Statement add(database, fmt::format("INSERT INTO outbox_count(output, {0}) VALUES(?1, ?2) "
                                              "ON CONFLICT(output) DO UPDATE SET {0} = {0} + ?2",
                                              counter));
  add.bind(1, output);
  add.bind(2, column(by));
  add.exec();
}

}  // namespace

Result<void> Outbox::put(const std::string& output, const std::string& kind, const std::string& text,
                         std::size_t bound) {
  return database_.transaction([&](SQLite::Database& database) -> Result<void> {
    SQLite::Statement put(database, "INSERT INTO outbox(output, kind, message) VALUES(?, ?, ?)");
    put.bind(1, output);
    put.bind(2, kind);
    put.bind(3, text);
    put.exec();
    const std::uint64_t now = waiting(database, output);
    if (now <= bound) return {};
    std::uint64_t busy = 0;
    {
      const std::lock_guard lock(mutex_);
      if (const auto found = in_flight_.find(output); found != in_flight_.end()) busy = found->second;
    }
    SQLite::Statement drop(
        database,
        "DELETE FROM outbox WHERE number IN (SELECT number FROM outbox WHERE output = ? AND "
        "number > ? ORDER BY number LIMIT ?)");
    drop.bind(1, output);
    drop.bind(2, column(busy));
    drop.bind(3, column(now - bound));
    const int dropped = drop.exec();
    if (dropped > 0) add(database, output, "dropped", static_cast<std::uint64_t>(dropped));
    return {};
  });
}

Result<std::vector<Outbox::Message>> Outbox::take(const std::string& output, std::size_t limit) {
  std::vector<Message> messages;
  RINGSIDE_CHECK(database_.reading([&](SQLite::Database& database) -> Result<void> {
    SQLite::Statement rows(database,
                           "SELECT number, message FROM outbox WHERE output = ? ORDER BY number LIMIT ?");
    rows.bind(1, output);
    rows.bind(2, column(limit));
    while (rows.executeStep())
      messages.push_back(
          {static_cast<std::uint64_t>(rows.getColumn(0).getInt64()), rows.getColumn(1).getString()});
    // Within the transaction: put() must not come between.
    const std::lock_guard lock(mutex_);
    in_flight_[output] = messages.empty() ? 0 : messages.back().number;
    return {};
  }));
  return messages;
}

Result<void> Outbox::remove(const std::string& output, const std::vector<std::uint64_t>& numbers,
                            const char* counter) {
  return database_.transaction([&](SQLite::Database& database) -> Result<void> {
    SQLite::Statement remove(database, "DELETE FROM outbox WHERE number = ?");
    for (const std::uint64_t number : numbers) {
      remove.bind(1, column(number));
      remove.exec();
      remove.reset();
    }
    add(database, output, counter, numbers.size());
    const std::lock_guard lock(mutex_);
    in_flight_[output] = 0;
    return {};
  });
}

Result<void> Outbox::sent(const std::string& output, const std::vector<std::uint64_t>& numbers) {
  return remove(output, numbers, "sent");
}

Result<void> Outbox::drop(const std::string& output, std::uint64_t number) {
  return remove(output, {number}, "dropped");
}

Result<Outbox::Counts> Outbox::counts(const std::string& output) {
  Counts counts;
  RINGSIDE_CHECK(database_.reading([&](SQLite::Database& database) -> Result<void> {
    counts.waiting = waiting(database, output);
    SQLite::Statement row(database, "SELECT sent, dropped FROM outbox_count WHERE output = ?");
    row.bind(1, output);
    if (!row.executeStep()) return {};
    counts.sent = static_cast<std::uint64_t>(row.getColumn(0).getInt64());
    counts.dropped = static_cast<std::uint64_t>(row.getColumn(1).getInt64());
    return {};
  }));
  return counts;
}

Result<std::size_t> Outbox::forget_others(const std::map<std::string, std::string>& outputs) {
  std::size_t gone = 0;
  RINGSIDE_CHECK(database_.transaction([&](SQLite::Database& database) -> Result<void> {
    std::vector<std::pair<std::string, std::string>> others;
    SQLite::Statement rows(database, "SELECT DISTINCT output, kind FROM outbox");
    while (rows.executeStep()) {
      const std::string output = rows.getColumn(0).getString(), kind = rows.getColumn(1).getString();
      const auto found = outputs.find(output);
      if (found == outputs.end() || found->second != kind) others.emplace_back(output, kind);
    }
    for (const auto& [output, kind] : others) {
      SQLite::Statement drop(database, "DELETE FROM outbox WHERE output = ? AND kind = ?");
      drop.bind(1, output);
      drop.bind(2, kind);
      const auto count = static_cast<std::size_t>(drop.exec());
      add(database, output, "dropped", count);
      gone += count;
    }
    return {};
  }));
  return gone;
}

}  // namespace ringside::agent
