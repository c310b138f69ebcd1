// SPDX-License-Identifier: Apache-2.0
#include "agent/options.h"
#include "agent/verbs/table_verb.h"
#include "agent/verbs/verbs.h"

#include <memory>

namespace ringside::agent {

void add_idt(CLI::App& app, Context& context) {
  auto* verb = app.add_subcommand("idt", "Show the interrupt descriptor table of every vCPU");
  add_target(*verb, context);
  const auto arguments = std::make_shared<TableArguments>();
  verb->add_option("--vcpu", arguments->vcpu, "Only this vCPU, from 0")->type_name("N");
  verb->add_flag("--all", arguments->all, "Also gates that are not present");
  add_example(*verb, "  ringside idt /run/vm.qmp --vcpu 0");
  static const TableView kView{
      .table = "idt",
      .order = "vector",
      .columns = {"vector", "type", "dpl", "printf('%04x', selector) AS selector", "ist", "handler", "gva"},
      .names = {"symbol"},
      .where = "present",
      .omitted = "gates that are not present",
      .same_if = "gpa, raw",
  };
  verb->callback([&context, arguments] {
    context.action = [&context, arguments] {
      return show_table(context, kView, *arguments, guest::live::MsrSource::none);
    };
  });
}

}  // namespace ringside::agent
