// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/module_users.h"

#include "guest/linux/walkers.h"

#include <unordered_map>

namespace ringside::guest::linux {

namespace {

/// Where a use of one module by another is told.
struct UseFields {
  Field list;    ///< module.source_list, the head
  Field node;    ///< module_use.source_list
  Field source;  ///< module_use.source
  Field name;    ///< module.name
};
Result<UseFields> use_fields(Kernel& kernel) {
  UseFields fields;
  RINGSIDE_TRY(fields.list, kernel.field("module", "source_list"));
  RINGSIDE_TRY(fields.node, kernel.field("module_use", "source_list"));
  RINGSIDE_TRY(fields.source, kernel.field("module_use", "source"));
  RINGSIDE_TRY(fields.name, kernel.field("module", "name"));
  return fields;
}

}  // namespace

void take_users(Kernel& kernel, Listing<Module>& listing) {
  const auto fields = use_fields(kernel);
  if (!fields) return listing.problem(fields.error().within("which modules use others"));
  std::unordered_map<std::uint64_t, std::string> names;
  for (const Module& module : listing.entries) names.emplace(module.address.value, module.name);
  // All uses together are bounded, not only those of each module.
  std::uint64_t left = kMaxModules * 4;
  for (Module& module : listing.entries) {
    if (module.state == ModuleState::unformed) continue;
    const auto walked = walk_list(kernel, module.address + fields->list.offset, left, [&](Gva node) {
      --left;
      const auto source = kernel.read_pointer_field(Gva{node - Gva{fields->node.offset}}, fields->source);
      if (!source) {
        listing.problem(source.error().within("what uses module " + module.name));
        return true;
      }
      const auto known = names.find(source->value);
      if (known != names.end()) {
        module.used_by.push_back(known->second);
        return true;
      }
      // A module that is not in the list uses this one: its name is told all the same.
      const auto name = kernel.read_string(*source + fields->name.offset, fields->name.size);
      if (name)
        module.used_by.push_back(*name);
      else
        listing.problem(name.error().within("what uses module " + module.name));
      return true;
    });
    if (!walked) listing.problem(walked.error().within("what uses module " + module.name));
  }
}

}  // namespace ringside::guest::linux
