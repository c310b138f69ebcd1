// SPDX-License-Identifier: Apache-2.0
#include "agent/options.h"
#include "agent/verbs/table_verb.h"
#include "agent/verbs/verbs.h"

#include <memory>

namespace ringside::agent {

void add_msrs(CLI::App& app, Context& context) {
  auto* verb =
      app.add_subcommand("msrs", "Show the model-specific registers that decide where the kernel is entered");
  add_target(*verb, context);
  add_msr_option(*verb, context);
  const auto arguments = std::make_shared<TableArguments>();
  verb->add_option("--vcpu", arguments->vcpu, "Only this vCPU, from 0")->type_name("N");
  add_example(*verb, "  ringside msrs /run/vm.qmp --vcpu 0");
  static const TableView kView{
      .table = "msrs",
      .order = "msr",
      .columns = {"name", "printf('%08x', msr) AS msr", "value"},
      .names = {"symbol"},
      .where = "",
      .omitted = "",
      .same_if = "",
  };
  verb->callback([&context, arguments] {
    context.action = [&context, arguments] {
      return show_table(context, kView, *arguments, context.options.msrs);
    };
  });
}

}  // namespace ringside::agent
