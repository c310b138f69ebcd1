// SPDX-License-Identifier: Apache-2.0
#include "agent/options.h"
#include "agent/output/cells.h"
#include "agent/output/format.h"
#include "agent/sql_text.h"
#include "agent/verbs/support.h"
#include "agent/verbs/verbs.h"

#include <fmt/format.h>

#include <memory>
#include <ostream>

namespace ringside::agent {

namespace {

using policies::QueryResult;

struct Arguments {
  std::string name;
  bool sections = false, parameters = false;
};

/// What is shown of each module below its line, from a table of its own.
struct Detail {
  const char* table;
  const char* columns;  ///< for people
  const char* what;     ///< "no sections are known"
};
constexpr Detail kSections{"module_sections", "section, address", "sections"};
constexpr Detail kParameters{"module_parameters", "name, value, type, permissions", "parameters"};

class Answer {
 public:
  Answer(Context& context, guest::Snapshot& snapshot, const Arguments& arguments)
      : context_(context),
        snapshot_(snapshot),
        arguments_(arguments),
        only_(arguments.name.empty() ? "1" : "name = " + sql_text(arguments.name)) {}

  Outcome json() {
    RINGSIDE_TRY(const QueryResult all, ask("SELECT * FROM modules WHERE " + only_));
    if (all.rows.empty() && !arguments_.name.empty()) return none();
    Json modules = Json::array();
    for (const auto& row : all.rows) {
      Json module = json_row(all.columns, row);
      const std::string name = std::get<std::string>(row.front());
      RINGSIDE_TRY(module["regions"], rows_of("module_regions", "kind, base, size", name));
      if (arguments_.sections) {
        RINGSIDE_TRY(module["sections"], rows_of(kSections.table, kSections.columns, name));
      }
      if (arguments_.parameters) {
        RINGSIDE_TRY(module["parameter_values"], rows_of(kParameters.table, kParameters.columns, name));
      }
      modules.push_back(std::move(module));
    }
    write_document(context_.out, {{"guest", guest_json(snapshot_.info())},
                                  {"modules", std::move(modules)},
                                  {"incomplete", incomplete_}});
    return note_incomplete(incomplete_);
  }

  Outcome text() {
    RINGSIDE_TRY(
        const QueryResult all,
        ask("SELECT name, size, refcount AS refs, used_by, state, taints, base FROM modules WHERE " + only_));
    if (all.rows.empty() && !arguments_.name.empty()) return none();
    if (!arguments_.sections && !arguments_.parameters) {
      context_.out << text_table(all.columns, all.rows).render(context_.style());
      return note_incomplete(incomplete_);
    }
    bool first = true;
    for (const auto& row : all.rows) {
      if (!first) context_.out << '\n';
      first = false;
      const std::string name = std::get<std::string>(row.front());
      context_.out << context_.style().bold(printable(name))
                   << fmt::format("  {} at {}\n", text_cell(row[4], all.columns[4].type),
                                  text_cell(row[6], all.columns[6].type));
      if (arguments_.sections) RINGSIDE_CHECK(show(kSections, name));
      if (arguments_.parameters) RINGSIDE_CHECK(show(kParameters, name));
    }
    return note_incomplete(incomplete_);
  }

 private:
  /// One query; what it could not read is kept for the end, each reason once.
  Result<QueryResult> ask(const std::string& sql) {
    RINGSIDE_TRY(QueryResult result, agent::ask(snapshot_, sql));
    for (const auto& why : result.incomplete)
      if (std::find(incomplete_.begin(), incomplete_.end(), why) == incomplete_.end())
        incomplete_.push_back(why);
    return result;
  }
  Result<QueryResult> details(const std::string& table, const std::string& columns,
                              const std::string& module) {
    const std::string filter = table == kParameters.table ? " AND built_in = 0" : "";
    return ask(
        fmt::format("SELECT {} FROM {} WHERE module = {}{}", columns, table, sql_text(module), filter));
  }
  Result<Json> rows_of(const std::string& table, const std::string& columns, const std::string& module) {
    RINGSIDE_TRY(const QueryResult found, details(table, columns, module));
    Json rows = Json::array();
    for (const auto& row : found.rows) rows.push_back(json_row(found.columns, row));
    return rows;
  }
  Result<void> show(const Detail& detail, const std::string& module) {
    RINGSIDE_TRY(const QueryResult found, details(detail.table, detail.columns, module));
    if (found.rows.empty())
      context_.out << fmt::format("  no {}\n", detail.what);
    else
      context_.out << text_table(found.columns, found.rows).render(context_.style(), 2);
    return {};
  }
  Outcome none() const {
    note_incomplete(incomplete_);
    return fail(Failure({Errc::not_found, fmt::format("there is no module \"{}\"", arguments_.name),
                         "ringside modules TARGET lists them"}));
  }

  Context& context_;
  guest::Snapshot& snapshot_;
  const Arguments& arguments_;
  std::string only_;
  std::vector<std::string> incomplete_;
};

Outcome modules(Context& context, const Arguments& arguments) {
  RINGSIDE_TRY(auto session, Session::open(context.options));
  RINGSIDE_TRY(guest::Snapshot * snapshot, session->snapshot(guest::live::MsrSource::none));
  Answer answer(context, *snapshot, arguments);
  return context.options.json ? answer.json() : answer.text();
}

}  // namespace

void add_modules(CLI::App& app, Context& context) {
  auto* verb = app.add_subcommand("modules", "List the kernel modules of a Linux guest");
  const auto arguments = std::make_shared<Arguments>();
  add_target(*verb, context);
  verb->add_option("NAME", arguments->name, "Only this module")->type_name("");
  verb->add_flag("--sections", arguments->sections, "Also where each section was put");
  verb->add_flag("--parameters", arguments->parameters, "Also parameters with their values");
  add_example(*verb,
              "  ringside modules /run/vm.qmp\n"
              "  ringside modules /run/vm.qmp virtio_blk --sections");
  verb->callback([&context, arguments] {
    context.action = [&context, arguments] { return modules(context, *arguments); };
  });
}

}  // namespace ringside::agent
