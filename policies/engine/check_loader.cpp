// SPDX-License-Identifier: Apache-2.0
#include "policies/engine/check_loader.h"

#include "policies/engine/compile.h"
#include "policies/engine/confirm_loader.h"
#include "policies/engine/message.h"
#include "policies/engine/spelling.h"
#include "policies/engine/sql_diagnosis.h"

#include <algorithm>
#include <array>
#include <regex>

namespace ringside::policies {

namespace {

/// What the three forms of a check have in common while they are read.
struct Loading {
  Diagnosis& diagnosis;
  Database& database;
  const Mapping& mapping;
  Check& check;
};

const Table* read_table(Diagnosis& diagnosis, const Mapping& mapping) {
  const auto name = mapping.text("table", true);
  if (!name) return nullptr;
  const Table* table = find_table(name->text);
  if (table == nullptr) {
    std::vector<std::string> names;
    for (const auto& one : tables()) names.emplace_back(one.name);
    diagnosis.error(name->node, "unknown table `" + name->text + "`", suggestion(name->text, names));
  }
  return table;
}

std::vector<std::string> names_of(const std::vector<std::string_view>& views) {
  return {views.begin(), views.end()};
}

/// A list of columns of `table` that a baseline keeps, each once.
std::vector<std::string> read_kept_columns(Diagnosis& diagnosis, const Mapping& mapping, std::string_view key,
                                           const Table& table) {
  std::vector<std::string> candidates, columns;
  for (const auto& column : table.columns) candidates.emplace_back(column.name);
  for (const auto& name : mapping.list(key, true)) {
    const auto column = table.column(name.text);
    if (!column)
      diagnosis.error(name.node, "table `" + std::string(table.name) + "` has no column `" + name.text + "`",
                      suggestion(name.text, candidates));
    else if (table.columns[*column].stability == Stability::live)
      diagnosis.error(name.node, "a baseline does not keep column `" + name.text + "`",
                      "it changes all the time on a healthy guest");
    else if (std::find(columns.begin(), columns.end(), name.text) != columns.end())
      diagnosis.error(name.node, "column `" + name.text + "` stands twice");
    else
      columns.push_back(name.text);
  }
  return columns;
}

/// True if the SQL is right; then `check.query` and what it reads are set.
bool finish(Loading& at, std::string query, std::optional<StatementInfo>& info) {
  auto described = at.database.describe(query);
  if (!described) {
    at.diagnosis.error(at.mapping.node(), "SQL: " + described.error().message);
    return false;
  }
  at.check.query = std::move(query);
  at.check.baseline_tables = described->baseline_tables;
  info = std::move(*described);
  return true;
}

std::optional<StatementInfo> load_expect(Loading at) {
  const Table* table = read_table(at.diagnosis, at.mapping);
  const auto where = at.mapping.text("where"), expect = at.mapping.text("expect", true);
  if (table == nullptr) return std::nullopt;
  const std::string name(table->name);
  const bool where_right = !where || check_expression(at.diagnosis, at.database, name, *where);
  const bool expect_right = expect && check_expression(at.diagnosis, at.database, name, *expect);
  if (!where_right || !expect_right) return std::nullopt;
  at.check.table = name;
  at.check.key = names_of(table->identity);
  std::optional<StatementInfo> info;
  std::vector<std::string> wanted;
  if (const auto message = at.mapping.get("message"); message.IsDefined() && message.IsScalar()) {
    std::size_t unclosed = 0;
    for (const auto& place : placeholders(message.Scalar(), unclosed)) wanted.push_back(place.name);
  }
  finish(at, compile_expect(*table, wanted, where ? where->text : "", expect->text), info);
  return info;
}

std::optional<StatementInfo> load_query(Loading at) {
  const auto sql = at.mapping.text("query", true);
  if (!sql) return std::nullopt;
  auto info = check_statement(at.diagnosis, at.database, *sql);
  if (!info) return std::nullopt;
  at.check.query = sql->text;
  at.check.baseline_tables = info->baseline_tables;
  // Without `key`, the columns that identify rows of the tables that it reads, as far as it returns them.
  std::vector<std::string> names;
  for (const auto& column : info->columns) names.push_back(column.name);
  if (at.mapping.has("key")) {
    for (const auto& key : at.mapping.list("key")) {
      if (std::find(names.begin(), names.end(), key.text) == names.end())
        at.diagnosis.error(key.node, "the query gives no column `" + key.text + "`",
                           suggestion(key.text, names));
      else
        at.check.key.push_back(key.text);
    }
    return info;
  }
  for (const auto& table : info->tables)
    for (const auto identity : find_table(table)->identity)
      if (std::find(names.begin(), names.end(), identity) != names.end() &&
          std::find(at.check.key.begin(), at.check.key.end(), identity) == at.check.key.end())
        at.check.key.emplace_back(identity);
  return info;
}

std::optional<StatementInfo> load_unchanged(Loading at) {
  const Mapping mapping(at.diagnosis, at.mapping.get("unchanged"), "unchanged",
                        {"table", "key", "columns", "where"});
  if (!mapping.node().IsMap()) return std::nullopt;
  const std::size_t errors = at.diagnosis.count();
  const Table* table = read_table(at.diagnosis, mapping);
  if (table == nullptr) return std::nullopt;
  if (!table->in_baseline)
    at.diagnosis.error(mapping.get("table"),
                       "a baseline does not keep table `" + std::string(table->name) + "`");
  Unchanged unchanged{std::string(table->name),
                      read_kept_columns(at.diagnosis, mapping, "key", *table),
                      read_kept_columns(at.diagnosis, mapping, "columns", *table),
                      {}};
  for (const auto& column : unchanged.columns)
    if (std::find(unchanged.key.begin(), unchanged.key.end(), column) != unchanged.key.end())
      at.diagnosis.error(mapping.key_mark("columns"), "column `" + column + "` is part of the key");
  if (const auto where = mapping.text("where"))
    if (check_expression(at.diagnosis, at.database, unchanged.table, *where)) unchanged.where = where->text;
  if (at.diagnosis.count() != errors) return std::nullopt;
  std::optional<StatementInfo> info;
  if (!finish(at, compile_unchanged(unchanged), info)) return std::nullopt;
  at.check.table = unchanged.table;
  at.check.key = unchanged.key;
  at.check.unchanged = std::move(unchanged);
  return info;
}

/// The one form that the check has.
std::optional<StatementInfo> load_form(Loading at) {
  std::vector<std::string_view> forms;
  for (const std::string_view form : {"table", "query", "unchanged"})
    if (at.mapping.has(form)) forms.push_back(form);
  if (forms.size() != 1) {
    const auto& place = forms.empty() ? at.mapping.node().Mark() : at.mapping.key_mark(forms[1]);
    at.diagnosis.error(place, "a check has exactly one of `table` (with `expect`), `query` and `unchanged`");
    return std::nullopt;
  }
  for (const std::string_view key : {"where", "expect"})
    if (forms[0] != "table" && at.mapping.has(key))
      at.diagnosis.error(at.mapping.key_mark(key), "`" + std::string(key) + "` goes with `table`",
                         forms[0] == "unchanged" && key == "where" ? "put it inside `unchanged`" : "");
  if (forms[0] != "query" && at.mapping.has("key"))
    at.diagnosis.error(at.mapping.key_mark("key"), "`key` goes with `query`",
                       forms[0] == "unchanged" ? "put it inside `unchanged`" : "");
  if (forms[0] == "query") return load_query(at);
  return forms[0] == "table" ? load_expect(at) : load_unchanged(at);
}

void read_message(Loading at, const std::optional<StatementInfo>& info) {
  const auto message = at.mapping.text("message");
  if (!message) return;
  at.check.message = message->text;
  std::size_t unclosed = 0;
  const auto places = placeholders(message->text, unclosed);
  if (unclosed != std::string::npos) at.diagnosis.error(*message, unclosed, "`{{` without `}}`");
  if (!info) return;  // the columns are not known
  std::vector<std::string> names;
  for (const auto& column : info->columns) names.push_back(column.name);
  for (const auto& place : places)
    if (std::find(names.begin(), names.end(), place.name) == names.end())
      at.diagnosis.error(*message, place.start, "the check gives no column `" + place.name + "`",
                         suggestion(place.name, names));
}

/// What `restore` can do something with: rows of tables of which a baseline keeps the bytes, and rows that
/// say themselves what is to stand where.
bool can_restore(const Check& check, const std::optional<StatementInfo>& info) {
  static const std::vector<std::string> kTables = {"idt", "gdt", "syscalls"};
  if (check.unchanged) return std::find(kTables.begin(), kTables.end(), check.table) != kTables.end();
  if (!info) return true;  // the columns are not known
  const auto has = [&](std::string_view name) {
    return std::any_of(info->columns.begin(), info->columns.end(),
                       [&](const auto& column) { return column.name == name; });
  };
  return has("gva") && has("expected") && has("actual");
}

void read_actions(Loading at, const std::optional<StatementInfo>& info) {
  static const std::vector<std::string> kActions = {"alert", "evidence", "pause", "restore", "dump"};
  for (const auto& action : at.mapping.list("actions")) {
    if (std::find(kActions.begin(), kActions.end(), action.text) == kActions.end())
      at.diagnosis.error(action.node, "unknown action `" + action.text + "`",
                         suggestion(action.text, kActions));
    else if (action.text == "restore" && !can_restore(at.check, info))
      at.diagnosis.error(
          action.node, "`restore` does not know what to put back",
          "it needs `unchanged` on `idt`, `gdt` or `syscalls`, or columns `gva`, `expected` and "
          "`actual`");
    at.check.actions.push_back(action.text);
  }
  if (at.check.actions.empty()) at.check.actions = {"alert"};
}

}  // namespace

std::optional<std::string> read_name(Diagnosis& diagnosis, const Mapping& mapping, std::string_view key) {
  const auto name = mapping.text(key, true);
  if (!name) return std::nullopt;
  const bool right =
      name->text.size() <= 64 && name->text.front() != '-' &&
      name->text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
  if (!right)
    diagnosis.error(name->node, "`" + name->text + "` is no name",
                    "up to 64 small letters, digits and hyphens, not starting with a hyphen");
  return name->text;
}

std::optional<Severity> read_severity(Diagnosis& diagnosis, const Mapping& mapping) {
  const auto text = mapping.text("severity");
  if (!text) return std::nullopt;
  std::vector<std::string> names;
  for (const auto one :
       {Severity::info, Severity::low, Severity::medium, Severity::high, Severity::critical}) {
    if (to_string(one) == text->text) return one;
    names.emplace_back(to_string(one));
  }
  diagnosis.error(text->node, "unknown severity `" + text->text + "`", suggestion(text->text, names));
  return std::nullopt;
}

std::vector<std::string> read_attack(Diagnosis& diagnosis, const Mapping& mapping) {
  static const std::regex kTechnique(R"(T\d{4}(\.\d{3})?)");
  std::vector<std::string> ids;
  for (const auto& id : mapping.list("attack")) {
    if (id.text.size() > 16 || !std::regex_match(id.text, kTechnique))
      diagnosis.error(id.node, "`" + id.text.substr(0, 40) + "` is no MITRE ATT&CK technique id",
                      "for example T1014 or T1547.006");
    else
      ids.push_back(id.text);
  }
  return ids;
}

Check load_check(Diagnosis& diagnosis, Database& database, const YAML::Node& node, const Policy& policy) {
  Check check;
  const Mapping mapping(diagnosis, node, "a check",
                        {"id", "title", "severity", "attack", "table", "where", "expect", "query", "key",
                         "unchanged", "message", "confirm", "actions"});
  if (!node.IsMap()) return check;
  check.id = read_name(diagnosis, mapping, "id").value_or("");
  if (const auto title = mapping.text("title", true)) check.title = title->text;
  check.severity = read_severity(diagnosis, mapping).value_or(policy.severity);
  check.attack = read_attack(diagnosis, mapping);
  if (check.attack.empty()) check.attack = policy.attack;
  const Loading at{diagnosis, database, mapping, check};
  const auto info = load_form(at);
  read_message(at, info);
  read_confirm(diagnosis, mapping, policy, check);
  read_actions(at, info);
  return check;
}

}  // namespace ringside::policies
