// SPDX-License-Identifier: Apache-2.0
#include "agent/version.h"

#include "agent/libvirt/connect.h"
#include "agent/options.h"
#include "agent/output/json.h"
#include "agent/verbs/verbs.h"
#include "policies/engine/policy.h"

#include <fmt/format.h>

#include <ostream>

namespace ringside::agent {

void add_version(CLI::App& app, Context& context) {
  auto* verb = app.add_subcommand("version", "Print the version and the policies that are built in");
  add_output_options(*verb, context);
  add_example(*verb, "  ringside version --json");
  verb->callback([&context] {
    context.action = [&context]() -> Outcome {
      const auto shipped = policies::shipped_policies();
      if (context.options.json) {
        Json list = Json::array();
        for (const auto& policy : shipped.policies)
          list.push_back({{"name", policy.name}, {"version", policy.version}, {"title", policy.title}});
        const std::string libvirt = libvirt_version();
        write_document(context.out, {{"version", kVersion},
                                     {"libvirt", libvirt.empty() ? Json() : Json(libvirt)},
                                     {"policies", std::move(list)}});
        return Exit::clean;
      }
      context.out << "ringside " << kVersion << '\n';
      context.out << "  " << (libvirt_version().empty() ? "without libvirt" : "with " + libvirt_version())
                  << '\n';
      for (const auto& policy : shipped.policies)
        context.out << fmt::format("  policy {} {}: {}\n", policy.name, policy.version, policy.title);
      return Exit::clean;
    };
  });
}

}  // namespace ringside::agent
