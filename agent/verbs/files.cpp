// SPDX-License-Identifier: Apache-2.0
#include "agent/options.h"
#include "agent/verbs/process_view.h"
#include "agent/verbs/verbs.h"

#include <memory>
#include <optional>

namespace ringside::agent {

void add_files(CLI::App& app, Context& context) {
  auto* verb = app.add_subcommand("files", "Show the files that processes of a Linux guest hold open");
  add_target(*verb, context);
  const auto pid = std::make_shared<std::optional<std::uint64_t>>();
  verb->add_option("PID", *pid, "Only this process")->type_name("");
  add_example(*verb, "  ringside files /run/vm.qmp 1");
  static const ProcessView kView{.table = "process_files",
                                 .columns = "pid, fd, type, access, position, inode, path",
                                 .order = "pid, fd",
                                 .where = "1"};
  verb->callback([&context, pid] {
    context.action = [&context, pid] { return show_process_view(context, kView, *pid); };
  });
}

}  // namespace ringside::agent
