// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/modules.h"

#include "guest/linux/module_reader.h"
#include "guest/linux/module_sections.h"
#include "guest/linux/module_users.h"
#include "guest/linux/walkers.h"

namespace ringside::guest::linux {

Listing<Module> modules(Kernel& kernel, ModuleParts parts) {
  Listing<Module> listing;
  const auto problem = [&](Error error) { listing.problem(std::move(error)); };
  const auto head = kernel.symbol("modules");
  if (!head) return problem(head.error().within("the list of modules")), listing;
  const auto link = kernel.field("module", "list");
  if (!link) return problem(link.error()), listing;

  ModuleReader reader(kernel, parts);
  for (Error& error : reader.missing()) problem(std::move(error));
  const auto walked = walk_list(kernel, *head, kMaxModules, [&](Gva node) {
    const Gva address{node - Gva{link->offset}};
    auto module = reader.read(address, problem);
    if (module)
      listing.entries.push_back(std::move(*module));
    else
      problem(module.error().within("the module at " + to_string(address)));
    return true;
  });
  if (!walked) {
    problem(walked.error().within("the list of modules"));
  } else {
    // A module is added at the front (kernel/module/main.c, add_unformed_module).
    auto order = static_cast<std::uint32_t>(listing.entries.size());
    for (Module& module : listing.entries) module.load_order = order--;
  }
  if (has(parts, ModuleParts::users)) take_users(kernel, listing);
  if (has(parts, ModuleParts::build_id)) take_build_ids(kernel, listing);
  return listing;
}

}  // namespace ringside::guest::linux
