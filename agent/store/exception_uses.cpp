// SPDX-License-Identifier: Apache-2.0
#include "agent/store/exception_uses.h"

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

#include <vector>

namespace ringside::agent {

namespace {

std::int64_t microseconds(Moment at) {
  return at.time_since_epoch().count();
}

}  // namespace

Result<std::set<std::string>> ExceptionUses::used() {
  std::set<std::string> ids;
  RINGSIDE_CHECK(database_.transaction([&](SQLite::Database& database) -> Result<void> {
    SQLite::Statement ask(database, "SELECT id FROM exception WHERE used");
    while (ask.executeStep()) ids.insert(ask.getColumn(0).getString());
    return {};
  }));
  return ids;
}

Result<std::map<std::string, Moment>> ExceptionUses::note(const policies::ExceptionSet& exceptions,
                                                          Moment now) {
  std::map<std::string, Moment> waiting;
  RINGSIDE_CHECK(database_.transaction([&](SQLite::Database& database) -> Result<void> {
    waiting.clear();
    std::set<std::string> unused;
    for (const auto* one : exceptions.unused()) unused.insert(one->id);
    std::set<std::string> there;
    for (const auto& exception : exceptions.all()) {
      there.insert(exception.id);
      SQLite::Statement keep(
          database,
          "INSERT INTO exception(id, since, used) VALUES(?, ?, ?) ON CONFLICT(id) DO UPDATE SET "
          "used = 1 WHERE NOT used AND excluded.used");
      keep.bind(1, exception.id);
      keep.bind(2, microseconds(now));
      keep.bind(3, unused.contains(exception.id) ? 0 : 1);
      keep.exec();
    }
    std::vector<std::string> gone;
    SQLite::Statement ask(database, "SELECT id, since, used FROM exception");
    while (ask.executeStep()) {
      const std::string id = ask.getColumn(0).getString();
      if (!there.contains(id))
        gone.push_back(id);
      else if (ask.getColumn(2).getInt() == 0)
        waiting[id] = Moment(Moment::duration(ask.getColumn(1).getInt64()));
    }
    for (const auto& id : gone) {
      SQLite::Statement forget(database, "DELETE FROM exception WHERE id = ?");
      forget.bind(1, id);
      forget.exec();
    }
    return {};
  }));
  return waiting;
}

}  // namespace ringside::agent
