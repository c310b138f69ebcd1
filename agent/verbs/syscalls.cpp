// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/syscalls.h"

#include "agent/guarded_write.h"
#include "agent/options.h"
#include "agent/output/cells.h"
#include "agent/output/format.h"
#include "agent/symbol_argument.h"
#include "agent/verbs/support.h"
#include "agent/verbs/verbs.h"

#include <fmt/format.h>

#include <array>
#include <cstring>
#include <memory>
#include <optional>
#include <ostream>

namespace ringside::agent {

namespace {

namespace linux = guest::linux;
using linux::SyscallAbi;

struct Arguments {
  std::optional<SyscallAbi> abi;
  std::vector<std::string> write;  ///< NR HANDLER
  WriteGuards guards;
};

/// How the kernel comes from a number to its function, in words.
std::string dispatch_words(const linux::SyscallTable& table) {
  const auto& dispatch = table.dispatch;
  const std::string shown = dispatch.shown_by.empty() ? "" : fmt::format(" ({})", dispatch.shown_by);
  if (dispatch.by_table == true) return "dispatched through the table" + shown;
  if (dispatch.by_table == false)
    return "not dispatched through the table but through a switch" + shown +
           (dispatch.table ? "; the table serves tracing alone" : "");
  return dispatch.switch_code ? "there is a switch, but no code was found that calls it"
                              : "no code was found that goes by the table";
}

std::vector<SyscallAbi> chosen_abis(linux::Kernel& kernel, const Arguments& arguments) {
  if (arguments.abi) return {*arguments.abi};
  std::vector<SyscallAbi> all;
  for (const auto abi : {SyscallAbi::x64, SyscallAbi::ia32, SyscallAbi::x32})
    if (linux::has_syscalls(kernel, abi)) all.push_back(abi);
  return all;
}

/// Columns that people are shown: the table's own where the kernel goes by it, else what the switch enters,
/// and the table's entry where it is another.
std::string people_columns(const linux::SyscallTable& table) {
  if (table.dispatch.by_table == true) return "nr, name, handler, symbol";
  const std::string differs =
      table.dispatch.table
          ? ", CASE WHEN handler <> real_handler THEN coalesce(symbol, hex_address(handler)) "
            "END AS other_in_table"
          : "";
  return "nr, name, real_handler, real_symbol" + differs;
}

Outcome show(Context& context, const Arguments& arguments) {
  RINGSIDE_TRY(auto session, Session::open(context.options));
  RINGSIDE_TRY(guest::Snapshot * snapshot, session->snapshot(guest::live::MsrSource::none));
  RINGSIDE_TRY(auto* kernel, linux::Kernel::of(*snapshot));
  if (context.options.json) {
    const std::string where =
        arguments.abi ? fmt::format(" WHERE abi = '{}'", linux::to_string(*arguments.abi)) : "";
    RINGSIDE_TRY(const auto all, ask(*snapshot, "SELECT * FROM syscalls" + where));
    Json rows = Json::array();
    for (const auto& row : all.rows) rows.push_back(json_row(all.columns, row));
    write_document(context.out, {{"guest", guest_json(snapshot->info())},
                                 {"syscalls", std::move(rows)},
                                 {"incomplete", all.incomplete}});
    return note_incomplete(all.incomplete);
  }
  Exit exit = Exit::clean;
  bool first = true;
  for (const auto abi : chosen_abis(*kernel, arguments)) {
    RINGSIDE_TRY(const auto table, linux::read_syscalls(*kernel, abi));
    RINGSIDE_TRY(
        const auto rows,
        ask(*snapshot, fmt::format("SELECT {} FROM syscalls WHERE abi = '{}' AND implemented IS NOT 0",
                                   people_columns(table), linux::to_string(abi))));
    context.out << (first ? "" : "\n")
                << fmt::format("{}  {}, {} of them in use, {}\n", context.style().bold(linux::to_string(abi)),
                               counted(table.entries.size(), "number"), rows.rows.size(),
                               dispatch_words(table))
                << text_table(rows.columns, rows.rows).render(context.style(), 2);
    exit = worse(exit, note_incomplete(rows.incomplete));
    first = false;
  }
  return exit;
}

std::string name_of(linux::Kernel& kernel, SyscallAbi abi, const std::optional<guest::Gva>& function) {
  if (!function) return "unknown";
  const auto symbol = linux::syscall_symbol(kernel, abi, *function);
  return symbol.empty() ? guest::to_string(*function) : symbol;
}

Outcome write(Context& context, const Arguments& arguments) {
  RINGSIDE_TRY(const std::uint64_t nr, parse_address(arguments.write.at(0)));
  RINGSIDE_TRY(auto session, Session::open(context.options));
  RINGSIDE_TRY(guest::live::LiveGuest * live, session->need_live("syscalls --write"));
  RINGSIDE_TRY(guest::Snapshot * snapshot, session->snapshot(guest::live::MsrSource::none));
  RINGSIDE_TRY(auto* kernel, linux::Kernel::of(*snapshot));
  const auto abi = arguments.abi.value_or(kernel->identity().bits == 64 ? SyscallAbi::x64 : SyscallAbi::ia32);
  RINGSIDE_TRY(const guest::Gva handler, address_or_symbol(*kernel, arguments.write.at(1)));
  RINGSIDE_TRY(const auto table, linux::read_syscalls(*kernel, abi));
  if (!table.dispatch.table)
    return fail(Failure({Errc::unavailable, fmt::format("this kernel has no {} system call table: {}",
                                                        linux::to_string(abi), dispatch_words(table))}));
  if (nr >= table.entries.size())
    return fail(
        Failure({Errc::invalid_argument, fmt::format("the {} table has no entry {}: it has {} of them",
                                                     linux::to_string(abi), nr, table.entries.size())},
                Exit::usage));
  const auto& call = table.entries[nr];
  Bytes bytes(kernel->pointer_size());
  std::memcpy(bytes.data(), &handler.value, bytes.size());
  RINGSIDE_TRY(const Writes writes, plan_write(*snapshot, &kernel->space(), call.entry->value, bytes));
  if (!context.options.json)
    context.out << fmt::format(
        "{} {}{}: {} -> {}\n{}\n", linux::to_string(abi), nr, call.name.empty() ? "" : " (" + call.name + ")",
        name_of(*kernel, abi, call.handler), name_of(*kernel, abi, handler), dispatch_words(table));
  const Json more{{"abi", linux::to_string(abi)},
                  {"nr", nr},
                  {"handler_before", call.handler ? json_address(call.handler->value) : Json()},
                  {"handler_after", json_address(handler.value)},
                  {"dispatched", table.dispatch.by_table ? Json(*table.dispatch.by_table) : Json()},
                  {"dispatch", dispatch_words(table)}};
  return carry_out(context, *live, snapshot->info(), "syscalls --write", writes, arguments.guards, more);
}

}  // namespace

void add_syscalls(CLI::App& app, Context& context) {
  auto* verb = app.add_subcommand("syscalls", "Show the system calls and what they enter, or change one");
  const auto arguments = std::make_shared<Arguments>();
  add_target(*verb, context);
  verb->add_option_function<std::string>(
          "--abi",
          [arguments](const std::string& name) {
            arguments->abi = linux::parse_syscall_abi(name);
            if (!arguments->abi)
              throw CLI::ValidationError("--abi", "\"" + name + "\" is not x64, ia32 or x32");
          },
          "Only this one: x64, ia32 or x32 (all; with --write the kernel's own)")
      ->type_name("ABI");
  auto* write_option =
      verb->add_option("--write", arguments->write, "Put HANDLER, an address or a symbol, into the table")
          ->expected(2)
          ->type_name("NR HANDLER");
  for (auto* guard : arguments->guards.add_to(*verb)) guard->needs(write_option);
  add_example(*verb,
              "  ringside syscalls /run/vm.qmp --abi x64\n"
              "  ringside syscalls /run/vm.qmp --write 62 __x64_sys_kill --yes");
  verb->callback([&context, arguments] {
    context.action = [&context, arguments] {
      return arguments->write.empty() ? show(context, *arguments) : write(context, *arguments);
    };
  });
}

}  // namespace ringside::agent
