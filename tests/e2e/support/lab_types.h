// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/live/golden_import.h"
#include "tests/lab/guest.h"

#include <cstdlib>
#include <string>

namespace ringside::lab {

/// True for a 32-bit kernel, which has no types and names its functions alone, if such kernels' types are to
/// be imported: RINGSIDE_LAB_TYPES is set. They come out of packages of 700 MB, so that not every run of all
/// tests can want them.
inline bool wants_types(const std::string& kernel) {
  return kernel.find("686") != std::string::npos && std::getenv("RINGSIDE_LAB_TYPES") != nullptr;
}

/// Imports those of `kernel` (scripts/lab/fetch-types) into a state directory.
inline Result<void> import_types(const std::string& kernel, const std::string& state_directory) {
  RINGSIDE_TRY(const std::string types, lab_script({"fetch-types", kernel}));
  guest::live::GoldenFiles files(state_directory);
  guest::live::GoldenImport import(files, [](std::string_view) {});
  return import.take(types);
}

}  // namespace ringside::lab
