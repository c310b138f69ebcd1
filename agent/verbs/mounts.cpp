// SPDX-License-Identifier: Apache-2.0
#include "agent/options.h"
#include "agent/verbs/process_view.h"
#include "agent/verbs/verbs.h"

#include <memory>
#include <optional>

namespace ringside::agent {

void add_mounts(CLI::App& app, Context& context) {
  auto* verb = app.add_subcommand("mounts", "Show what is mounted in a Linux guest");
  add_target(*verb, context);
  const auto all = std::make_shared<bool>(false);
  verb->add_flag("--all", *all, "Of every mount namespace that a process lives in");
  add_example(*verb, "  ringside mounts /run/vm.qmp");
  const auto view = [](bool every) {
    return ProcessView{.table = "mounts",
                       .columns = every ? "namespace, id, parent, point, filesystem, source, options, root"
                                        : "id, parent, point, filesystem, source, options, root",
                       .order = "namespace, id",
                       .where = every ? "1" : "initial"};
  };
  verb->callback([&context, all, view] {
    context.action = [&context, all, view] { return show_process_view(context, view(*all), std::nullopt); };
  });
}

}  // namespace ringside::agent
