// SPDX-License-Identifier: Apache-2.0
#include "agent/options.h"
#include "agent/output/cells.h"
#include "agent/output/format.h"
#include "agent/sql_text.h"
#include "agent/verbs/support.h"
#include "agent/verbs/verbs.h"
#include "guest/linux/symboliser.h"

#include <fmt/format.h>

#include <memory>
#include <ostream>

namespace ringside::agent {

namespace {

namespace linux = guest::linux;
using policies::QueryResult;

struct Arguments {
  std::string pattern, module;
  std::vector<std::string> addresses;
};

/// What `arguments` ask for, as an SQL condition.
std::string condition(const Arguments& arguments) {
  std::string sql = "1";
  if (!arguments.pattern.empty()) {
    const bool glob = arguments.pattern.find_first_of("*?[") != std::string::npos;
    sql += glob ? " AND name GLOB " + sql_text(arguments.pattern)
                : " AND instr(name, " + sql_text(arguments.pattern) + ") > 0";
  }
  if (arguments.module == "kernel")
    sql += " AND module IS NULL";
  else if (!arguments.module.empty())
    sql += " AND module = " + sql_text(arguments.module);
  return sql;
}

Outcome list(Context& context, guest::Snapshot& snapshot, const Arguments& arguments) {
  RINGSIDE_TRY(
      const QueryResult found,
      ask(snapshot, "SELECT address, type, name, module FROM symbols WHERE " + condition(arguments)));
  if (context.options.json) {
    Json rows = Json::array();
    for (const auto& row : found.rows) rows.push_back(json_row(found.columns, row));
    write_document(context.out, {{"guest", guest_json(snapshot.info())},
                                 {"symbols", std::move(rows)},
                                 {"incomplete", found.incomplete}});
    return note_incomplete(found.incomplete);
  }
  // As /proc/kallsyms writes them, so that what reads that reads this too.
  std::string line;
  for (const auto& row : found.rows) {
    line = fmt::format("{:016x} {} {}", static_cast<std::uint64_t>(std::get<std::int64_t>(row[0])),
                       printable(std::get<std::string>(row[1])), printable(std::get<std::string>(row[2])));
    if (const auto* module = std::get_if<std::string>(&row[3])) line += "\t[" + printable(*module) + "]";
    context.out << line << '\n';
  }
  const Exit exit = note_incomplete(found.incomplete);
  if (found.rows.empty() && exit == Exit::clean) return fail(Failure({Errc::not_found, "no symbol matches"}));
  return exit;
}

Outcome look_up(Context& context, guest::Snapshot& snapshot, const Arguments& arguments) {
  RINGSIDE_TRY(linux::Kernel* const kernel, linux::Kernel::of(snapshot));
  linux::Symboliser& symboliser = linux::Symboliser::of(*kernel);
  TextTable table({{"ADDRESS", TextTable::Align::right}, {"SYMBOL"}, {"MODULE"}, {"REGION"}});
  Json rows = Json::array();
  bool all_named = true;
  for (const std::string& text : arguments.addresses) {
    const auto number = parse_number(text);
    if (!number)
      return fail(
          Failure({Errc::invalid_argument, fmt::format("\"{}\" is no address", text), "write 4096 or 0x1000"},
                  Exit::usage));
    const guest::Gva gva{*number};
    const auto symbol = symboliser.symbol(gva);
    const std::string module(symboliser.module(gva));
    const auto region = to_string(symboliser.region(gva));
    all_named = all_named && symbol.has_value();
    table.add({to_string(gva), symbol ? printable(*symbol) : "-", module.empty() ? "-" : printable(module),
               std::string(region)});
    rows.push_back({{"address", json_address(gva.value)},
                    {"symbol", symbol ? Json(*symbol) : Json()},
                    {"module", module.empty() ? Json() : Json(module)},
                    {"region", region}});
  }
  // What has a name has it whatever else could not be read.
  std::vector<std::string> incomplete;
  if (!all_named)
    for (const Error& problem : symboliser.problems()) incomplete.push_back(problem.message);
  if (context.options.json)
    write_document(
        context.out,
        {{"guest", guest_json(snapshot.info())}, {"addresses", std::move(rows)}, {"incomplete", incomplete}});
  else
    context.out << table.render(context.style());
  return note_incomplete(incomplete);
}

Outcome symbols(Context& context, const Arguments& arguments) {
  RINGSIDE_TRY(auto session, Session::open(context.options));
  RINGSIDE_TRY(guest::Snapshot * snapshot, session->snapshot(guest::live::MsrSource::none));
  return arguments.addresses.empty() ? list(context, *snapshot, arguments)
                                     : look_up(context, *snapshot, arguments);
}

}  // namespace

void add_symbols(CLI::App& app, Context& context) {
  auto* verb = app.add_subcommand("symbols", "Look up symbols of a Linux guest by name or address");
  const auto arguments = std::make_shared<Arguments>();
  add_target(*verb, context);
  auto* pattern =
      verb->add_option("PATTERN", arguments->pattern,
                       "Only names that hold this; with * ? or [ in it, names that match it as a whole")
          ->type_name("");
  auto* module = verb->add_option("--module", arguments->module,
                                  "Only those of this module; \"kernel\" is the image, \"bpf\" code of BPF")
                     ->type_name("NAME");
  verb->add_option("--address", arguments->addresses, "What stands at this address; can be given repeatedly")
      ->type_name("ADDR")
      ->excludes(pattern)
      ->excludes(module);
  add_example(*verb,
              "  ringside symbols /run/vm.qmp 'tcp4_*'\n"
              "  ringside symbols /run/vm.qmp --module virtio_blk\n"
              "  ringside symbols /run/vm.qmp --address 0xffffffff81000000");
  verb->callback([&context, arguments] {
    context.action = [&context, arguments] { return symbols(context, *arguments); };
  });
}

}  // namespace ringside::agent
