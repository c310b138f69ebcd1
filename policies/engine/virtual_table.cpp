// SPDX-License-Identifier: Apache-2.0
#include "policies/engine/virtual_table.h"

#include "policies/tables/linux/address_names.h"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>

namespace ringside::policies {

namespace {

// Rows that one scan of a table may give. Guest memory decides how many there are, so there must be a bound;
// the widest table costs about half a kilobyte a row.
constexpr std::size_t kMaxTableRows = 1u << 19;
// How often a scan looks at the clock.
constexpr std::size_t kRowsPerClock = 1024;

// SQLite's own objects, extended (sqlite.org/vtab.html). SQLite holds and passes them as pointers to the
// base.
struct VirtualTable : sqlite3_vtab {
  const Table* table = nullptr;
  TableContext* context = nullptr;
};
class Collector final : public RowSink {
 public:
  Collector(const Table& table, TableContext& context) : table_(table), context_(context) {}

  bool row(std::vector<Value> cells) override {
    if (rows_.size() >= kMaxTableRows) {
      incomplete({Errc::out_of_bounds, "more than " + std::to_string(kMaxTableRows) + " rows"});
      return false;
    }
    if (rows_.size() % kRowsPerClock == kRowsPerClock - 1 && context_.late()) return false;
    rows_.push_back(std::move(cells));
    return true;
  }
  void incomplete(Error why) override {
    context_.add_incomplete(std::string(table_.name) + ": " + why.message);
  }
  bool names_late(std::size_t first) override {
    if (!first_name_) first_name_ = first;
    return first_name_ == first;
  }

  const std::vector<std::vector<Value>>& rows() const { return rows_; }
  /// Which column of the names of an address `column` is, if those are filled late.
  std::optional<std::size_t> late_name(std::size_t column) const {
    if (!first_name_ || column < *first_name_ || column - *first_name_ >= kAddressNames) return std::nullopt;
    return column - *first_name_;
  }

 private:
  const Table& table_;
  TableContext& context_;
  std::vector<std::vector<Value>> rows_;
  std::optional<std::size_t> first_name_;
};

/// The rows of one scan of a table.
class Scan {
 public:
  Scan(const Table& table, TableContext& context)
      : table_(table), context_(context), collector_(table, context), namer_(*context.snapshot, collector_) {}
  Scan(const Scan&) = delete;
  Scan& operator=(const Scan&) = delete;

  Result<void> fill(const TableRequest& request) {
    return table_.fill(*context_.snapshot, request, collector_);
  }
  bool ended() const { return at_ >= collector_.rows().size(); }
  void next() {
    ++at_;
    names_ = {};
  }
  /// The cell of the row that it stands at.
  const Value& cell(std::size_t column) {
    static const Value kNull;
    const auto& row = collector_.rows()[at_];
    if (column >= row.size()) return kNull;
    const auto late = collector_.late_name(column);
    if (!late) return row[column];
    auto& name = names_[*late];
    if (!name) {
      const auto* address = std::get_if<std::int64_t>(&row[column - *late]);
      name = address == nullptr ? Value{} : namer_.name(*late, static_cast<std::uint64_t>(*address));
    }
    return *name;
  }

 private:
  const Table& table_;
  TableContext& context_;
  Collector collector_;
  AddressNamer namer_;
  std::size_t at_ = 0;
  std::array<std::optional<Value>, kAddressNames> names_;  ///< of the row that it stands at
};

struct Cursor : sqlite3_vtab_cursor {
  std::optional<Scan> scan;
};

/// The columns whose values tell a row from every other of the table.
std::vector<std::size_t> key_columns(const Table& table) {
  std::vector<std::size_t> columns;
  for (const auto name : table.identity) columns.push_back(table.column(name).value());
  if (const auto vcpu = table.column("vcpu");
      vcpu && std::find(columns.begin(), columns.end(), *vcpu) == columns.end())
    columns.push_back(*vcpu);
  return columns;
}

/// Rows have a primary key and no row id: SQLite joins the answers to the terms of an OR by it, so it must be
/// the same whatever constraints a scan had. It is a hidden column of its own, since SQLite holds columns of
/// a primary key to be never NULL and would answer `IS NULL` on them without a look.
std::string virtual_schema(const Table& table) {
  std::string sql = create_statement(table, "x");
  sql.pop_back();  // the closing parenthesis
  return sql + ", \"row key\" TEXT HIDDEN, PRIMARY KEY(\"row key\")) WITHOUT ROWID";
}

std::string row_key(const Table& table, Scan& scan) {
  std::string key;
  for (const std::size_t column : key_columns(table)) {
    const Value& value = scan.cell(column);
    if (const auto* number = std::get_if<std::int64_t>(&value))
      key += std::to_string(*number);
    else if (const auto* text = std::get_if<std::string>(&value))
      key += std::to_string(text->size()) + ":" + *text;  // no value may look like two
    key += ',';
  }
  return key;
}

VirtualTable& of(sqlite3_vtab* base) {
  return *static_cast<VirtualTable*>(base);
}
Cursor& of(sqlite3_vtab_cursor* base) {
  return *static_cast<Cursor*>(base);
}

void set_error(sqlite3_vtab* base, const std::string& message) {
  sqlite3_free(base->zErrMsg);
  base->zErrMsg = sqlite3_mprintf("%s", message.c_str());
}

int connect(sqlite3* db, void* context, int argc, const char* const* argv, sqlite3_vtab** result,
            char** error) {
  const Table* table = argc > 3 ? find_table(argv[3]) : nullptr;
  if (table == nullptr) {
    *error = sqlite3_mprintf("no such table in the registry");
    return SQLITE_ERROR;
  }
  const int code = sqlite3_declare_vtab(db, virtual_schema(*table).c_str());
  if (code != SQLITE_OK) return code;
  auto made = std::make_unique<VirtualTable>();
  made->table = table;
  made->context = static_cast<TableContext*>(context);
  *result = made.release();
  return SQLITE_OK;
}

int disconnect(sqlite3_vtab* base) {
  delete static_cast<VirtualTable*>(base);
  return SQLITE_OK;
}

/// Takes every usable equality on a pushdown column. SQLite checks the rows again (`omit` stays 0), so a
/// table is free to make no use of it.
int best_index(sqlite3_vtab* base, sqlite3_index_info* info) {
  const Table& table = *of(base).table;
  of(base).context->planned.emplace(table.name);
  int arguments = 0;
  unsigned taken = 0;
  for (int i = 0; i < info->nConstraint; ++i) {
    const auto& constraint = info->aConstraint[i];
    if (constraint.usable == 0 || constraint.op != SQLITE_INDEX_CONSTRAINT_EQ || constraint.iColumn < 0 ||
        static_cast<std::size_t>(constraint.iColumn) >= table.columns.size())
      continue;
    const auto name = table.columns[static_cast<std::size_t>(constraint.iColumn)].name;
    const auto place = std::find(table.pushdown.begin(), table.pushdown.end(), name);
    if (place == table.pushdown.end()) continue;
    const unsigned bit = 1u << static_cast<unsigned>(place - table.pushdown.begin());
    if ((taken & bit) != 0) continue;
    taken |= bit;
    info->aConstraintUsage[i].argvIndex = ++arguments;
  }
  // The text that reaches xFilter: the columns that the query looks at, then the constrained ones in order of
  // argv.
  sqlite3_uint64 used = info->colUsed;
  if (table.columns.size() < 64 && (used >> table.columns.size() & 1) != 0)  // the row key
    for (const std::size_t column : key_columns(table)) used |= sqlite3_uint64{1} << column;
  std::string plan = std::to_string(used);
  for (int argument = 1; argument <= arguments; ++argument)
    for (int i = 0; i < info->nConstraint; ++i)
      if (info->aConstraintUsage[i].argvIndex == argument)
        plan += "," + std::to_string(info->aConstraint[i].iColumn);
  info->idxStr = sqlite3_mprintf("%s", plan.c_str());
  if (info->idxStr == nullptr) return SQLITE_NOMEM;
  info->needToFreeIdxStr = 1;
  info->estimatedCost = 100'000.0;
  info->estimatedRows = 10'000;
  for (int i = 0; i < arguments; ++i) {
    info->estimatedCost /= 50;
    info->estimatedRows = std::max<sqlite3_int64>(1, info->estimatedRows / 50);
  }
  return SQLITE_OK;
}

int open(sqlite3_vtab*, sqlite3_vtab_cursor** result) {
  *result = std::make_unique<Cursor>().release();
  return SQLITE_OK;
}

int close(sqlite3_vtab_cursor* base) {
  delete static_cast<Cursor*>(base);
  return SQLITE_OK;
}

/// Reads `plan` back. False: a constraint that no row can meet.
bool request_of(const Table& table, const char* plan, int argc, sqlite3_value** argv, TableRequest& request) {
  char* rest = nullptr;
  request.columns = std::strtoull(plan, &rest, 10);
  for (int i = 0; i < argc && *rest == ','; ++i) {
    const auto column = std::strtoul(rest + 1, &rest, 10);
    const std::string name(table.columns.at(column).name);
    switch (sqlite3_value_type(argv[i])) {
      case SQLITE_NULL:
        return false;  // `= NULL` is never true
      case SQLITE_INTEGER:
        request.equal[name] = static_cast<std::int64_t>(sqlite3_value_int64(argv[i]));
        break;
      case SQLITE_TEXT:
        request.equal[name] = std::string(reinterpret_cast<const char*>(sqlite3_value_text(argv[i])));
        break;
      default:
        break;  // SQLite compares by itself
    }
  }
  return true;
}

int filter(sqlite3_vtab_cursor* base, int, const char* plan, int argc, sqlite3_value** argv) {
  Cursor& cursor = of(base);
  VirtualTable& table = of(cursor.pVtab);
  TableContext& context = *table.context;
  cursor.scan.reset();
  TableRequest request;
  if (!request_of(*table.table, plan, argc, argv, request)) return SQLITE_OK;
  if (context.snapshot == nullptr) {
    context.failure = Error{Errc::unavailable, "no snapshot is bound"};
    return SQLITE_ERROR;
  }
  cursor.scan.emplace(*table.table, context);
  auto filled = cursor.scan->fill(request);
  if (!filled) {
    context.failure = filled.error().within(table.table->name);
    set_error(cursor.pVtab, context.failure->message);
    return SQLITE_ERROR;
  }
  return context.late() ? SQLITE_INTERRUPT : SQLITE_OK;
}

int next(sqlite3_vtab_cursor* base) {
  of(base).scan->next();
  return SQLITE_OK;
}

int eof(sqlite3_vtab_cursor* base) {
  const auto& scan = of(base).scan;
  return !scan || scan->ended() ? 1 : 0;
}

int column(sqlite3_vtab_cursor* base, sqlite3_context* result, int index) {
  Scan& scan = *of(base).scan;
  if (index < 0) return SQLITE_OK;  // NULL
  const auto at = static_cast<std::size_t>(index);
  if (const Table& table = *of(base->pVtab).table; at == table.columns.size()) {
    const std::string key = row_key(table, scan);
    sqlite3_result_text64(result, key.data(), key.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
    return SQLITE_OK;
  }
  const Value& value = scan.cell(at);
  if (const auto* number = std::get_if<std::int64_t>(&value))
    sqlite3_result_int64(result, *number);
  else if (const auto* text = std::get_if<std::string>(&value))
    sqlite3_result_text64(result, text->data(), text->size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  return SQLITE_OK;
}

constexpr sqlite3_module make_module() {
  sqlite3_module module{};
  module.iVersion = 1;
  module.xCreate = connect;
  module.xConnect = connect;
  module.xBestIndex = best_index;
  module.xDisconnect = disconnect;
  module.xDestroy = disconnect;
  module.xOpen = open;
  module.xClose = close;
  module.xFilter = filter;
  module.xNext = next;
  module.xEof = eof;
  module.xColumn = column;
  return module;
}
constexpr sqlite3_module kModule = make_module();

constexpr std::string_view kAddress = "ADDRESS INTEGER", kBoolean = "BOOLEAN INTEGER", kInteger = "INTEGER",
                           kText = "TEXT", kBytes = "BYTES TEXT";

}  // namespace

void TableContext::add_incomplete(std::string why) {
  // Tables are scanned again and again by joins; each reason counts once. A hostile guest cannot grow the
  // list without end.
  constexpr std::size_t kMaxReasons = 64;
  if (incomplete.size() >= kMaxReasons ||
      std::find(incomplete.begin(), incomplete.end(), why) != incomplete.end())
    return;
  incomplete.push_back(std::move(why));
}

Result<void> register_tables(sqlite3* db, TableContext& context) {
  if (sqlite3_create_module(db, "ringside", &kModule, &context) != SQLITE_OK)
    return fail(Errc::io, std::string("SQLite: ") + sqlite3_errmsg(db));
  return {};
}

namespace {

constexpr std::string_view kLive = " LIVE";  // part of no word that SQLite takes for an affinity

std::string_view name_of(ColumnType type) {
  switch (type) {
    case ColumnType::address:
      return kAddress;
    case ColumnType::boolean:
      return kBoolean;
    case ColumnType::integer:
      return kInteger;
    case ColumnType::text:
      return kText;
    case ColumnType::bytes:
      return kBytes;
  }
  return kText;
}

}  // namespace

std::string declared_type(const Column& column) {
  std::string declared(name_of(column.type));
  if (column.stability == Stability::live) declared += kLive;
  return declared;
}

bool is_live(const char* declared) {
  return declared != nullptr && std::string_view(declared).ends_with(kLive);
}

ColumnType column_type(const char* declared, int sqlite_type_of_first_value) {
  if (declared != nullptr) {
    std::string_view name(declared);
    if (is_live(declared)) name.remove_suffix(kLive.size());
    for (const auto type :
         {ColumnType::address, ColumnType::boolean, ColumnType::integer, ColumnType::text, ColumnType::bytes})
      if (name_of(type) == name) return type;
  }
  return sqlite_type_of_first_value == SQLITE_INTEGER ? ColumnType::integer : ColumnType::text;
}

std::string create_statement(const Table& table, std::string_view name) {
  std::string sql = "CREATE TABLE " + std::string(name) + "(";
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    if (i > 0) sql += ", ";
    sql += "\"" + std::string(table.columns[i].name) + "\" " + declared_type(table.columns[i]);
  }
  return sql + ")";
}

}  // namespace ringside::policies
