// SPDX-License-Identifier: Apache-2.0
#include "agent/options.h"
#include "agent/verbs/process_view.h"
#include "agent/verbs/verbs.h"

#include <memory>

namespace ringside::agent {

void add_maps(CLI::App& app, Context& context) {
  auto* verb = app.add_subcommand("maps", "Show the memory map of a process of a Linux guest");
  add_target(*verb, context);
  const auto pid = std::make_shared<std::uint64_t>();
  verb->add_option("PID", *pid, "The process")->required()->type_name("");
  add_example(*verb,
              "  ringside maps /run/vm.qmp 1\n"
              "  ringside read /run/vm.qmp --pid 1 0x400000 64     what is in it");
  static const ProcessView kView{
      .table = "process_maps",
      .columns = "start, \"end\", permissions, printf('%08x', offset) AS offset, device, inode, path",
      .order = "start",
      .where = "1"};
  verb->callback([&context, pid] {
    context.action = [&context, pid] { return show_process_view(context, kView, *pid); };
  });
}

}  // namespace ringside::agent
