// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

namespace ringside::policies {

/// A policy file that is compiled into the program.
struct ShippedFile {
  std::string_view name;  ///< "idt.yaml"
  std::string_view text;
};

/// The files of policies/shipped and policies/linux, each folder sorted by name (policies/EmbedFiles.cmake
/// makes the source of it).
const std::vector<ShippedFile>& shipped_files();

}  // namespace ringside::policies
