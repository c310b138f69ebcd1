// SPDX-License-Identifier: Apache-2.0
#include "tests/e2e/support/rootkit_lists.h"

#include <fmt/format.h>

#include <utility>

namespace ringside::lab {

Rootkit module(const std::string& name, const std::string& parameters, std::string check,
               std::vector<std::string> says, std::string needs, std::string otherwise) {
  return {parameters.empty() ? name : name + " " + parameters,
          "attack load " + name + (parameters.empty() ? "" : " " + parameters),
          "attack unload " + name,
          std::move(check),
          std::move(says),
          std::move(needs),
          std::move(otherwise)};
}

Rootkit told(const std::string& name, const std::string& parameters, const std::string& looked_up,
             std::string check, std::vector<std::string> says, std::string needs, std::string otherwise) {
  Rootkit kit =
      module(name, parameters, std::move(check), std::move(says), std::move(needs), std::move(otherwise));
  kit.load += " " + looked_up;
  return kit;
}

std::vector<Rootkit> rootkits() {
  std::vector<Rootkit> all;
  for (auto& some :
       {entry_rootkits(), code_rootkits(), page_rootkits(), tracing_rootkits(), subsystem_rootkits(),
        file_rootkits(), setting_rootkits(), view_rootkits(), kept_rootkits()})
    all.insert(all.end(), some.begin(), some.end());
  return all;
}

}  // namespace ringside::lab
