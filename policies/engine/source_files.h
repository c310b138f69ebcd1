// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "policies/engine/diagnostics.h"

#include <string>
#include <vector>

namespace ringside::policies {

struct SourceFile {
  std::string file, text;
};

/// What `paths` name: files, and of directories their *.yaml files, sorted by name. What cannot be read, is
/// larger than 1 MiB, or a directory without any is an error; the others are given all the same.
std::vector<SourceFile> read_source_files(const std::vector<std::string>& paths,
                                          std::vector<Diagnostic>& errors);

}  // namespace ringside::policies
