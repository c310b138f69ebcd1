// SPDX-License-Identifier: Apache-2.0
#include "agent/baseline_taking.h"
#include "agent/options.h"
#include "agent/output/cells.h"
#include "agent/output/format.h"
#include "agent/output/text_table.h"
#include "agent/policies.h"
#include "agent/start_up_text.h"
#include "agent/verbs/support.h"
#include "agent/verbs/verbs.h"
#include "policies/engine/boot_record.h"

#include <fmt/format.h>

#include <memory>
#include <ostream>

namespace ringside::agent {

namespace {

using policies::Baseline;

struct Arguments {
  std::string table;
};

/// The key of the guest that TARGET names: a stored key itself, or what attaching says.
Attempt<std::string> key_of(Context& context, policies::BaselineStore& store) {
  RINGSIDE_TRY(const auto stored, store.load(context.options.target));
  if (stored) return context.options.target;
  RINGSIDE_TRY(auto session, Session::open(context.options));
  RINGSIDE_TRY(guest::Snapshot * snapshot, session->snapshot(guest::live::MsrSource::none));
  return snapshot->info().key();
}

Failure no_baseline(const std::string& key) {
  return Failure(
      {Errc::unavailable, fmt::format("there is no baseline of {}", key),
       "run ringside baseline save while the guest is known to be good; ringside baseline show lists them"});
}

Attempt<Baseline> take(Session& session, guest::live::MsrSource msrs) {
  if (session.live() != nullptr) {
    RINGSIDE_TRY(auto baseline, take_baseline_of(*session.live(), msrs));
    return baseline;
  }
  RINGSIDE_TRY(guest::Snapshot * snapshot, session.snapshot(msrs));
  RINGSIDE_TRY(auto baseline, policies::take_baseline(*snapshot));
  return baseline;
}

/// Of which boot it is, and what of it was carried over from an earlier one.
Json boot_json(const Baseline& baseline) {
  if (!baseline.boot) return {};
  const auto& boot = *baseline.boot;
  Json json = {{"kernel", boot.release},
               {"build_id", boot.build_id},
               {"start_up", start_up_json(boot.start_up)},
               {"carried_from", nullptr}};
  if (!boot.carried) return json;
  json["carried_from"] = rfc3339(boot.carried->from);
  Json differences = Json::array();
  for (const auto& one : boot.carried->differences)
    differences.push_back(
        {{"table", one.table}, {"key", one.key}, {"column", one.column.empty() ? Json() : Json(one.column)}});
  json["carried"] = boot.carried->tables;
  json["learned_anew"] = boot.carried->anew;
  json["differences"] = std::move(differences);
  return json;
}

/// "idt, registers (2 addresses ...)".
std::string names_of(const std::map<std::string, std::string>& tables) {
  std::string out;
  for (const auto& [name, why] : tables)
    out += (out.empty() ? "" : ", ") + name + (why.empty() ? "" : " (" + why + ")");
  return out.empty() ? "-" : out;
}

void add_boot(FactList& facts, const Baseline& baseline) {
  if (!baseline.boot || baseline.build().empty()) return;
  const auto& boot = *baseline.boot;
  facts.add("kernel", fmt::format("{}, build {}", printable(boot.release), boot.build_id));
  if (boot.still_starts_up()) facts.add("start-up", "goes on; what it adds is still to be learned");
  if (boot.start_up && boot.start_up->learned)
    facts.add("start-up", fmt::format("over; learned of it at {}: {}", rfc3339(*boot.start_up->learned),
                                      printable(added_by(*boot.start_up))));
  if (!boot.carried) return;
  facts.add("carried from", rfc3339(boot.carried->from));
  facts.add("carried over", printable(names_of(boot.carried->tables)));
  facts.add("learned anew", printable(names_of(boot.carried->anew)));
  facts.add("differ",
            fmt::format("{} from the boot before", counted(boot.carried->differences.size(), "value")));
}

Json to_json(const Baseline& baseline) {
  Json tables = Json::object();
  for (const auto& [name, stored] : baseline.tables) {
    const policies::Table* table = policies::find_table(name);
    Json rows = Json::array();
    for (const auto& row : stored.rows) {
      Json object = Json::object();
      for (std::size_t i = 0; i < row.size() && i < stored.columns.size(); ++i) {
        const auto at = table == nullptr ? std::nullopt : table->column(stored.columns[i]);
        object[stored.columns[i]] =
            json_cell(row[i], at ? table->columns[*at].type : policies::ColumnType::text);
      }
      rows.push_back(std::move(object));
    }
    tables[name] = {{"rows", std::move(rows)}, {"incomplete", stored.incomplete}};
  }
  return {{"guest", baseline.guest},
          {"taken", rfc3339(baseline.taken)},
          {"description", baseline.description},
          {"boot", boot_json(baseline)},
          {"tables", std::move(tables)}};
}

std::string row_counts(const Baseline& baseline) {
  std::string out;
  for (const auto& [name, stored] : baseline.tables)
    out += fmt::format("{}{} {}", out.empty() ? "" : ", ", name, stored.rows.size());
  return out;
}

Outcome save(Context& context) {
  RINGSIDE_TRY(const auto store, open_baselines());
  RINGSIDE_TRY(auto session, Session::open(context.options));
  RINGSIDE_TRY(const Baseline baseline, take(*session, context.options.msrs));
  if (auto saved = store->save(baseline); !saved)
    return fail(Failure(std::move(saved).error(), Exit::internal));
  std::vector<std::string> incomplete;
  for (const auto& [name, stored] : baseline.tables)
    incomplete.insert(incomplete.end(), stored.incomplete.begin(), stored.incomplete.end());
  incomplete.insert(incomplete.end(), baseline.text_incomplete.begin(), baseline.text_incomplete.end());
  if (context.options.json) {
    Json rows = Json::object();
    for (const auto& [name, stored] : baseline.tables) rows[name] = stored.rows.size();
    write_document(context.out, {{"guest", baseline.guest},
                                 {"taken", rfc3339(baseline.taken)},
                                 {"description", baseline.description},
                                 {"rows", std::move(rows)},
                                 {"incomplete", incomplete}});
  } else {
    context.out << fmt::format("saved the baseline of {} ({} rows)\n", printable(baseline.guest),
                               row_counts(baseline));
  }
  return note_incomplete(incomplete);
}

Outcome list(Context& context, policies::BaselineStore& store) {
  RINGSIDE_TRY(const auto all, store.list());
  if (context.options.json) {
    Json baselines = Json::array();
    for (const auto& one : all)
      baselines.push_back({{"guest", one.guest},
                           {"taken", rfc3339(one.taken)},
                           {"rows", one.rows},
                           {"description", one.description},
                           {"kernel", one.release},
                           {"build_id", one.build},
                           {"carried_from", one.carried_from ? Json(rfc3339(*one.carried_from)) : Json()}});
    write_document(context.out, {{"baselines", std::move(baselines)}});
    return Exit::clean;
  }
  if (all.empty()) {
    context.out << "no baselines yet; ringside baseline save TARGET takes one\n";
    return Exit::clean;
  }
  TextTable table(
      {{"GUEST"}, {"KERNEL"}, {"TAKEN"}, {"CARRIED FROM"}, {"ROWS", TextTable::Align::right}, {"OF"}});
  for (const auto& one : all)
    table.add({printable(one.guest), one.release.empty() ? "-" : printable(one.release), rfc3339(one.taken),
               one.carried_from ? rfc3339(*one.carried_from) : "-", std::to_string(one.rows),
               printable(one.description)});
  context.out << table.render(context.style());
  return Exit::clean;
}

void show_table(Context& context, const std::string& name, const policies::StoredTable& stored) {
  const policies::Table* table = policies::find_table(name);
  std::vector<policies::QueryColumn> columns;
  for (const auto& column : stored.columns) {
    const auto at = table == nullptr ? std::nullopt : table->column(column);
    columns.push_back({column, at ? table->columns[*at].type : policies::ColumnType::text});
  }
  context.out << text_table(columns, stored.rows).render(context.style());
}

Outcome show(Context& context, const Arguments& arguments) {
  RINGSIDE_TRY(const auto store, open_baselines());
  if (context.options.target.empty()) return list(context, *store);
  RINGSIDE_TRY(const std::string key, key_of(context, *store));
  RINGSIDE_TRY(const auto baseline, store->load(key));
  if (!baseline) return fail(no_baseline(key));
  if (context.options.json) {
    write_document(context.out, to_json(*baseline));
    return Exit::clean;
  }
  if (!arguments.table.empty()) {
    const auto stored = baseline->tables.find(arguments.table);
    if (stored == baseline->tables.end())
      return fail(
          Failure({Errc::not_found, fmt::format("the baseline holds no table \"{}\"", arguments.table),
                   "it holds " + row_counts(*baseline)}));
    show_table(context, stored->first, stored->second);
    return Exit::clean;
  }
  FactList facts;
  facts.add("guest", printable(baseline->guest));
  facts.add("taken", rfc3339(baseline->taken));
  facts.add("of", printable(baseline->description));
  add_boot(facts, *baseline);
  facts.add("rows", row_counts(*baseline));
  context.out << facts.render(context.style()) << "\n--table NAME shows the rows of one table.\n";
  return Exit::clean;
}

Outcome diff(Context& context) {
  RINGSIDE_TRY(const auto store, open_baselines());
  RINGSIDE_TRY(auto session, Session::open(context.options));
  RINGSIDE_TRY(guest::Snapshot * snapshot, session->snapshot(context.options.msrs));
  const std::string key = snapshot->info().key();
  RINGSIDE_TRY(const auto baseline, store->load(key));
  if (!baseline) return fail(no_baseline(key));
  RINGSIDE_TRY(const auto booted, policies::booted_since(*baseline, *snapshot));
  if (booted) return fail(Failure({Errc::unavailable, *booted}, Exit::unchecked));
  RINGSIDE_TRY(const auto differences, policies::diff_baseline(*baseline, *snapshot));
  Exit exit = Exit::clean;
  std::vector<std::string> unreadable;
  Json list = Json::array();
  TextTable table({{"TABLE"}, {"ROW"}, {"COLUMN"}, {"BASELINE"}, {"NOW"}});
  for (const auto& one : differences) {
    if (one.key.empty()) {
      unreadable.push_back(fmt::format("{}: {}", one.table, one.now));
      continue;
    }
    exit = Exit::violations;
    list.push_back({{"table", one.table},
                    {"key", one.key},
                    {"column", one.column.empty() ? Json() : Json(one.column)},
                    {"before", one.before},
                    {"now", one.now}});
    table.add({one.table, printable(one.key), one.column.empty() ? "(row)" : one.column,
               printable(one.before), printable(one.now)});
  }
  if (context.options.json)
    write_document(context.out, {{"guest", guest_json(snapshot->info())},
                                 {"baseline_taken", rfc3339(baseline->taken)},
                                 {"differences", std::move(list)},
                                 {"incomplete", unreadable}});
  else if (table.empty())
    context.out << fmt::format("as in the baseline of {}\n", rfc3339(baseline->taken));
  else
    context.out << table.render(context.style());
  return worse(exit, note_incomplete(unreadable));
}

Outcome remove(Context& context) {
  RINGSIDE_TRY(const auto store, open_baselines());
  RINGSIDE_TRY(const std::string key, key_of(context, *store));
  RINGSIDE_TRY(const bool removed, store->remove(key));
  if (!removed) return fail(no_baseline(key));
  if (context.options.json)
    write_document(context.out, {{"guest", key}, {"removed", true}});
  else
    context.out << fmt::format("removed the baseline of {}\n", printable(key));
  return Exit::clean;
}

/// GUEST: a key that `baseline show` lists, or a TARGET.
CLI::Option* add_guest(CLI::App& verb, Context& context) {
  return verb
      .add_option("GUEST", context.options.target, "UUID or name as baseline show lists it, or a TARGET")
      ->type_name("");
}

}  // namespace

void add_baseline(CLI::App& app, Context& context) {
  auto* verb = app.add_subcommand("baseline", "Keep the good state of a guest, and compare with it");
  verb->require_subcommand(1);
  add_example(*verb, "  ringside baseline save /run/vm.qmp\n  ringside baseline diff /run/vm.qmp");
  const auto arguments = std::make_shared<Arguments>();

  auto* save_verb = verb->add_subcommand("save", "Take the baseline of a guest that is known to be good");
  add_target(*save_verb, context);
  add_msr_option(*save_verb, context);
  add_example(*save_verb, "  ringside baseline save /run/vm.qmp");
  save_verb->callback([&context] { context.action = [&context] { return save(context); }; });

  auto* show_verb = verb->add_subcommand("show", "List baselines, or show one");
  add_guest(*show_verb, context);
  show_verb->add_option("--table", arguments->table, "The rows of this table")->type_name("NAME");
  add_connection_options(*show_verb, context);
  add_output_options(*show_verb, context);
  add_example(*show_verb, "  ringside baseline show\n  ringside baseline show /run/vm.qmp --table idt");
  show_verb->callback([&context, arguments] {
    context.action = [&context, arguments] { return show(context, *arguments); };
  });

  auto* diff_verb = verb->add_subcommand("diff", "Compare a guest with its baseline (exit 3 if it differs)");
  add_target(*diff_verb, context);
  add_msr_option(*diff_verb, context);
  add_example(*diff_verb, "  ringside baseline diff /run/vm.qmp");
  diff_verb->callback([&context] { context.action = [&context] { return diff(context); }; });

  auto* remove_verb = verb->add_subcommand("rm", "Remove a guest's baseline");
  add_guest(*remove_verb, context)->required();
  add_connection_options(*remove_verb, context);
  add_output_options(*remove_verb, context);
  add_example(*remove_verb, "  ringside baseline rm vm1");
  remove_verb->callback([&context] { context.action = [&context] { return remove(context); }; });
  add_baseline_accept(*verb, context);
}

}  // namespace ringside::agent
