// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/completion/command_tree.h"

#include <string>

namespace ringside::agent {

/// Manual pages as pandoc's Markdown, made of what is there anyway.
struct ManualPage {
  std::string name;  ///< "ringside.yaml"
  int section = 1;
  std::string about;  ///< one line
  std::string version;
};

/// ringside(1): the verbs with their options, then `text`, docs/cli.md.
std::string manual_of_verbs(const ManualPage& page, const Command& root, const std::string& text);
/// ringside.yaml(5), of the commented file that ships.
std::string manual_of_config(const ManualPage& page, const std::string& yaml);
/// A page of docs/: its title goes, its headings become sections, links between files become text.
std::string manual_of_document(const ManualPage& page, const std::string& text);

}  // namespace ringside::agent
