// SPDX-License-Identifier: Apache-2.0
#include "agent/cli.h"
#include "agent/completion/scripts.h"
#include "agent/options.h"
#include "agent/verbs/verbs.h"

#include <memory>
#include <ostream>

namespace ringside::agent {

void add_completion(CLI::App& app, Context& context) {
  auto* verb = app.add_subcommand("completion",
                                  "Print a script with which your shell completes ringside's command line");
  const auto shell = std::make_shared<std::string>();
  verb->add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  add_output_options(*verb, context);
  add_example(*verb,
              "  ringside completion fish > ~/.config/fish/completions/ringside.fish\n"
              "  source <(ringside completion bash)");
  verb->callback([&context, shell] {
    context.action = [&context, shell]() -> Outcome {
      const Command root = command_tree(*make_app(context));
      context.out << (*shell == "bash"  ? bash_completion(root)
                      : *shell == "zsh" ? zsh_completion(root)
                                        : fish_completion(root));
      return Exit::clean;
    };
  });
}

}  // namespace ringside::agent
