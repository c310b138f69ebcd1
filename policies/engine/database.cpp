// SPDX-License-Identifier: Apache-2.0
#include "policies/engine/database.h"

#include "guest/linux/text/kept_text.h"
#include "policies/engine/kernel_functions.h"
#include "policies/engine/sql_functions.h"
#include "policies/engine/virtual_table.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <array>
#include <cstring>
#include <map>
#include <set>
#include <unordered_map>

namespace ringside::policies {

namespace {

struct CloseDatabase {
  void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
};
struct FinalizeStatement {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using DatabaseHandle = std::unique_ptr<sqlite3, CloseDatabase>;
using StatementHandle = std::unique_ptr<sqlite3_stmt, FinalizeStatement>;

constexpr std::size_t kMaxStatements = 256;  // kept prepared
constexpr int kOpsPerClock = 2000;           // virtual-machine steps between looks at the clock
constexpr int kBaselineSchema = 2;           // main is 0, temp 1, the first that is attached 2
constexpr std::size_t kMaxSqlBytes = 64 * 1024;

struct Statement {
  StatementHandle handle;
  StatementInfo info;
};

class DatabaseImpl final : public Database {
 public:
  Result<void> open();
  void bind(guest::Snapshot* snapshot) override;
  Result<void> bind_baseline(const Baseline* baseline) override;
  Result<QueryResult> query(std::string_view sql, const QueryLimits& limits) override;
  tl::expected<StatementInfo, SqlError> describe(std::string_view sql) override;
  std::vector<std::string> functions() override;

 private:
  static int authorize(void* self, int action, const char* first, const char* second, const char*,
                       const char* trigger);
  static int allow(int action, const char* first, const char* second);
  std::vector<std::string> baseline_tables_of(const std::string& sql);
  Result<void> run(const std::string& sql);
  Result<void> insert(const Table& table, const StoredTable& stored);
  Result<void> step_all(sqlite3_stmt* statement, const QueryLimits& limits, QueryResult& result);
  tl::expected<Statement*, SqlError> prepare(std::string_view sql);
  Error sqlite_error(Errc code) const { return {code, sqlite3_errmsg(db_.get())}; }

  TableContext context_;  // outlives db_
  DatabaseHandle db_;
  /// Code of the baseline that is bound, and of the one before.
  std::shared_ptr<const guest::linux::TextReferenceSource> text_, former_text_;
  bool armed_ = false;                         // false: our own statements, which may do everything
  std::map<int, std::string> baseline_roots_;  // root page of each table of schema `baseline`
  std::unordered_map<std::string, Statement> statements_;
};

int DatabaseImpl::authorize(void* self, int action, const char* first, const char* second, const char*,
                            const char*) {
  auto& impl = *static_cast<DatabaseImpl*>(self);
  return impl.armed_ ? allow(action, first, second) : SQLITE_OK;
}

/// Reading is all that a query may do (sqlite.org/c3ref/c_alter_table.html lists the actions).
int DatabaseImpl::allow(int action, const char* first, const char* second) {
  switch (action) {
    case SQLITE_SELECT:
    case SQLITE_RECURSIVE:
      return SQLITE_OK;
    case SQLITE_FUNCTION:
      // `second` is the function. These two reach outside of the query; the library has no other such.
      return std::strcmp(second, "load_extension") == 0 || std::strcmp(second, "fts3_tokenizer") == 0
                 ? SQLITE_DENY
                 : SQLITE_OK;
    case SQLITE_READ: {
      // Table-valued functions of SQLite that show its own files and settings are no business of a query.
      if (std::strncmp(first, "pragma_", 7) == 0 || std::strncmp(first, "sqlite_dbpage", 13) == 0)
        return SQLITE_DENY;
      return SQLITE_OK;
    }
    default:
      return SQLITE_DENY;
  }
}

Result<void> DatabaseImpl::run(const std::string& sql) {
  if (sqlite3_exec(db_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
    return fail(sqlite_error(Errc::io));
  return {};
}

Result<void> DatabaseImpl::open() {
  sqlite3* opened = nullptr;
  const int code = sqlite3_open_v2(":memory:", &opened,
                                   SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_NOMUTEX, nullptr);
  db_.reset(opened);
  if (code != SQLITE_OK) return fail(Errc::io, "cannot open an SQLite database in memory");
  sqlite3_db_config(opened, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, nullptr);
  sqlite3_db_config(opened, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  // "text" is a column, never a string: a misspelt column must not become a constant.
  sqlite3_db_config(opened, SQLITE_DBCONFIG_DQS_DML, 0, nullptr);
  sqlite3_db_config(opened, SQLITE_DBCONFIG_DQS_DDL, 0, nullptr);
  if (!register_functions(opened) || !register_kernel_functions(opened, context_))
    return fail(sqlite_error(Errc::io));
  RINGSIDE_CHECK(register_tables(opened, context_));
  RINGSIDE_CHECK(run("ATTACH ':memory:' AS baseline"));
  for (const auto& table : tables()) {
    const std::string name(table.name);
    RINGSIDE_CHECK(run(fmt::format("CREATE VIRTUAL TABLE main.{0} USING ringside({0})", name)));
    RINGSIDE_CHECK(run(create_statement(table, "baseline." + name)));
  }
  sqlite3_stmt* roots = nullptr;
  sqlite3_prepare_v2(opened, "SELECT rootpage, name FROM baseline.sqlite_schema", -1, &roots, nullptr);
  const StatementHandle roots_handle(roots);
  while (roots != nullptr && sqlite3_step(roots) == SQLITE_ROW)
    baseline_roots_[sqlite3_column_int(roots, 0)] =
        reinterpret_cast<const char*>(sqlite3_column_text(roots, 1));
  if (baseline_roots_.size() != tables().size()) return fail(sqlite_error(Errc::io));
  // Bounds on what one statement may be and hold (sqlite.org/limits.html).
  struct Limit {
    int id, value;
  };
  for (const auto limit :
       {Limit{SQLITE_LIMIT_LENGTH, 16 << 20}, Limit{SQLITE_LIMIT_SQL_LENGTH, int{kMaxSqlBytes}},
        Limit{SQLITE_LIMIT_EXPR_DEPTH, 200}, Limit{SQLITE_LIMIT_COMPOUND_SELECT, 50},
        Limit{SQLITE_LIMIT_VDBE_OP, 100'000}, Limit{SQLITE_LIMIT_FUNCTION_ARG, 32},
        Limit{SQLITE_LIMIT_ATTACHED, 1}, Limit{SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000},
        Limit{SQLITE_LIMIT_WORKER_THREADS, 0}, Limit{SQLITE_LIMIT_COLUMN, 200}})
    sqlite3_limit(opened, limit.id, limit.value);
  sqlite3_set_authorizer(opened, authorize, this);
  sqlite3_progress_handler(
      opened, kOpsPerClock, [](void* context) { return static_cast<TableContext*>(context)->late() ? 1 : 0; },
      &context_);
  armed_ = true;
  return {};
}

/// Our own statements run with the authorizer off and without a deadline.
class Disarmed {
 public:
  Disarmed(bool& armed, TableContext& context) : armed_(armed) {
    armed_ = false;
    context.deadline = std::chrono::steady_clock::time_point::max();
  }
  ~Disarmed() { armed_ = true; }
  Disarmed(const Disarmed&) = delete;
  Disarmed& operator=(const Disarmed&) = delete;

 private:
  bool& armed_;
};

Result<void> DatabaseImpl::insert(const Table& table, const StoredTable& stored) {
  std::string columns, places;
  std::vector<std::size_t> sources;
  for (std::size_t i = 0; i < stored.columns.size(); ++i) {
    if (!table.column(stored.columns[i])) continue;  // kept by another version of ringside
    columns += (sources.empty() ? "\"" : ", \"") + stored.columns[i] + "\"";
    places += sources.empty() ? "?" : ", ?";
    sources.push_back(i);
  }
  if (sources.empty()) return {};
  const std::string sql =
      "INSERT INTO baseline." + std::string(table.name) + "(" + columns + ") VALUES(" + places + ")";
  sqlite3_stmt* raw = nullptr;
  if (sqlite3_prepare_v2(db_.get(), sql.c_str(), -1, &raw, nullptr) != SQLITE_OK)
    return fail(sqlite_error(Errc::io));
  const StatementHandle statement(raw);
  for (const auto& row : stored.rows) {
    for (std::size_t i = 0; i < sources.size(); ++i) {
      const int place = static_cast<int>(i + 1);
      const Value value = sources[i] < row.size() ? row[sources[i]] : Value{};
      if (const auto* number = std::get_if<std::int64_t>(&value))
        sqlite3_bind_int64(raw, place, *number);
      else if (const auto* text = std::get_if<std::string>(&value))
        sqlite3_bind_text64(raw, place, text->data(), text->size(), SQLITE_TRANSIENT, SQLITE_UTF8);
      else
        sqlite3_bind_null(raw, place);
    }
    if (sqlite3_step(raw) != SQLITE_DONE) return fail(sqlite_error(Errc::io));
    sqlite3_reset(raw);
  }
  return {};
}

void DatabaseImpl::bind(guest::Snapshot* snapshot) {
  context_.snapshot = snapshot;
  if (snapshot != nullptr && (text_ || former_text_))
    guest::linux::TextReferenceSources::replace(*snapshot, former_text_, text_);
}

Result<void> DatabaseImpl::bind_baseline(const Baseline* baseline) {
  if (text_) former_text_ = text_;
  text_ = baseline != nullptr && baseline->text ? guest::linux::first_seen(baseline->text) : nullptr;
  const Disarmed disarmed(armed_, context_);
  RINGSIDE_CHECK(run("BEGIN"));
  const auto fill = [&]() -> Result<void> {
    for (const auto& table : tables()) {
      RINGSIDE_CHECK(run("DELETE FROM baseline." + std::string(table.name)));
      if (baseline == nullptr) continue;
      const auto stored = baseline->tables.find(std::string(table.name));
      if (stored != baseline->tables.end()) RINGSIDE_CHECK(insert(table, stored->second));
    }
    return {};
  };
  auto filled = fill();
  RINGSIDE_CHECK(run(filled ? "COMMIT" : "ROLLBACK"));
  return filled;
}

tl::expected<Statement*, Database::SqlError> DatabaseImpl::prepare(std::string_view sql) {
  const std::string text(sql);
  if (const auto found = statements_.find(text); found != statements_.end()) return &found->second;
  if (text.size() > kMaxSqlBytes) return tl::unexpected(SqlError{"the statement is longer than 64 KiB", -1});
  if (text.find('\0') != std::string::npos)
    return tl::unexpected(SqlError{"the statement holds a NUL byte", static_cast<int>(text.find('\0'))});
  context_.planned.clear();
  context_.deadline = std::chrono::steady_clock::time_point::max();
  sqlite3_stmt* raw = nullptr;
  const char* tail = nullptr;
  if (sqlite3_prepare_v3(db_.get(), text.c_str(), static_cast<int>(text.size()) + 1,
                         SQLITE_PREPARE_PERSISTENT, &raw, &tail) != SQLITE_OK) {
    const std::string message = sqlite3_errmsg(db_.get());
    const bool refused = sqlite3_errcode(db_.get()) == SQLITE_AUTH;
    return tl::unexpected(SqlError{refused ? "only reading is allowed (" + message + ")" : message,
                                   sqlite3_error_offset(db_.get())});
  }
  StatementHandle handle(raw);
  if (raw == nullptr) return tl::unexpected(SqlError{"there is no statement", -1});
  // What follows may be white space and comments, which make no statement of their own.
  sqlite3_stmt* second = nullptr;
  const int offset = static_cast<int>(tail - text.c_str());
  const int more = sqlite3_prepare_v2(db_.get(), tail, -1, &second, nullptr);
  const StatementHandle second_handle(second);
  if (more != SQLITE_OK || second != nullptr)
    return tl::unexpected(SqlError{"only one statement is allowed", offset});
  if (sqlite3_stmt_readonly(raw) == 0) return tl::unexpected(SqlError{"only reading is allowed", -1});
  if (sqlite3_bind_parameter_count(raw) != 0)
    return tl::unexpected(SqlError{"parameters (?, :name) are not allowed", -1});
  StatementInfo info;
  for (int i = 0; i < sqlite3_column_count(raw); ++i)
    info.columns.push_back({sqlite3_column_name(raw, i),
                            column_type(sqlite3_column_decltype(raw, i), SQLITE_NULL),
                            is_live(sqlite3_column_decltype(raw, i))});
  info.tables.assign(context_.planned.begin(), context_.planned.end());
  info.baseline_tables = baseline_tables_of(text);
  if (statements_.size() >= kMaxStatements) statements_.clear();
  return &statements_.emplace(text, Statement{std::move(handle), std::move(info)}).first->second;
}

/// The tables of schema `baseline` whose pages the statement opens, sorted. Its byte code says so exactly,
/// whatever form the SQL has (sqlite.org/opcode.html, OpenRead: P2 is the root page, P3 the schema).
std::vector<std::string> DatabaseImpl::baseline_tables_of(const std::string& sql) {
  const Disarmed disarmed(armed_, context_);
  sqlite3_stmt* raw = nullptr;
  sqlite3_prepare_v2(db_.get(), ("EXPLAIN " + sql).c_str(), -1, &raw, nullptr);
  const StatementHandle code(raw);
  std::set<std::string> names;
  while (raw != nullptr && sqlite3_step(raw) == SQLITE_ROW) {
    const auto* opcode = reinterpret_cast<const char*>(sqlite3_column_text(raw, 1));
    if (opcode == nullptr || std::strcmp(opcode, "OpenRead") != 0 ||
        sqlite3_column_int(raw, 4) != kBaselineSchema)
      continue;
    const auto found = baseline_roots_.find(sqlite3_column_int(raw, 3));
    if (found != baseline_roots_.end()) names.insert(found->second);
  }
  return {names.begin(), names.end()};
}

tl::expected<StatementInfo, Database::SqlError> DatabaseImpl::describe(std::string_view sql) {
  const auto statement = prepare(sql);
  if (!statement) return tl::unexpected(statement.error());
  return (*statement)->info;
}

std::vector<std::string> DatabaseImpl::functions() {
  const Disarmed disarmed(armed_, context_);
  sqlite3_stmt* raw = nullptr;
  sqlite3_prepare_v2(db_.get(), "SELECT DISTINCT name FROM pragma_function_list ORDER BY name", -1, &raw,
                     nullptr);
  const StatementHandle list(raw);
  std::vector<std::string> names;
  while (raw != nullptr && sqlite3_step(raw) == SQLITE_ROW)
    if (const auto* name = reinterpret_cast<const char*>(sqlite3_column_text(raw, 0)); name != nullptr)
      names.emplace_back(name);
  return names;
}

Result<void> DatabaseImpl::step_all(sqlite3_stmt* statement, const QueryLimits& limits, QueryResult& result) {
  const int width = sqlite3_column_count(statement);
  for (;;) {
    const int code = sqlite3_step(statement);
    if (code == SQLITE_DONE) return {};
    if (code == SQLITE_INTERRUPT && context_.cancelled())
      return fail(Errc::cancelled, "the query was given up");
    if (code == SQLITE_INTERRUPT)
      return fail(Errc::deadline,
                  "the query took longer than " + std::to_string(limits.time.count()) + " ms");
    if (code != SQLITE_ROW)
      return fail(context_.failure ? *context_.failure : sqlite_error(Errc::invalid_argument));
    if (result.rows.size() >= limits.max_rows && limits.cut) {
      context_.add_incomplete("more than " + std::to_string(limits.max_rows) +
                              " rows: only the first are given");
      return {};
    }
    if (result.rows.size() >= limits.max_rows)
      return fail(Errc::out_of_bounds,
                  "the query gives more than " + std::to_string(limits.max_rows) + " rows",
                  "add a WHERE clause or a LIMIT");
    std::vector<Value> row(static_cast<std::size_t>(width));
    for (int i = 0; i < width; ++i) {
      auto& cell = row[static_cast<std::size_t>(i)];
      const int type = sqlite3_column_type(statement, i);
      if (type == SQLITE_NULL) continue;
      auto& column = result.columns[static_cast<std::size_t>(i)];
      if (type == SQLITE_INTEGER) {
        cell = static_cast<std::int64_t>(sqlite3_column_int64(statement, i));
        if (result.rows.empty() && sqlite3_column_decltype(statement, i) == nullptr)
          column.type = ColumnType::integer;
        continue;
      }
      const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, i));
      const auto length = static_cast<std::size_t>(sqlite3_column_bytes(statement, i));
      if (type == SQLITE_BLOB)
        cell = to_hex(as_bytes({text == nullptr ? "" : text, length}));
      else
        cell = std::string(text == nullptr ? "" : text, length);
    }
    result.rows.push_back(std::move(row));
  }
}

Result<QueryResult> DatabaseImpl::query(std::string_view sql, const QueryLimits& limits) {
  const auto prepared = prepare(sql);
  if (!prepared) return fail(Errc::invalid_argument, prepared.error().message);
  const Statement& statement = **prepared;
  QueryResult result;
  result.columns = statement.info.columns;
  context_.incomplete.clear();
  context_.failure.reset();
  context_.deadline = std::chrono::steady_clock::now() + limits.time;
  context_.cancel = limits.cancel;
  auto stepped = step_all(statement.handle.get(), limits, result);
  context_.cancel = nullptr;
  sqlite3_reset(statement.handle.get());
  RINGSIDE_CHECK(std::move(stepped));
  result.incomplete = std::move(context_.incomplete);
  context_.incomplete.clear();
  return result;
}

}  // namespace

Result<std::unique_ptr<Database>> Database::create() {
  auto database = std::make_unique<DatabaseImpl>();
  RINGSIDE_CHECK(database->open());
  return database;
}

}  // namespace ringside::policies
