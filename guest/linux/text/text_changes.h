// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/text/patch_sites.h"
#include "guest/linux/text/text_references.h"

#include <functional>
#include <optional>
#include <string>

namespace ringside::guest::linux {

/// A run of code that is not what it should be, or not what it was.
struct TextChange {
  Gva first;
  std::uint32_t region = 0;  ///< of KernelText::regions()
  Bytes expected, actual;    ///< of equal size, but for a site that may be of two sizes
  std::optional<std::string>
      explained_by;         ///< a kind of patch site, or what the reference says; nullopt: nothing
  std::string_view source;  ///< "sites", "golden", "first-seen"
};

/// What text_changes() is asked for.
struct TextChangeRequest {
  bool of_modules = false;  ///< code of modules; else of the image
  bool explained = true;    ///< also changes that are as they should be
};

/// Compares code with what patch sites and references demand, in order of region: first each site that does
/// not hold what its state demands, then the runs that differ from the reference and in no site. `visit`
/// returns false to stop. Returns what could not be compared, and why.
std::vector<Error> text_changes(Kernel& kernel, const TextReferences& references,
                                const TextChangeRequest& request,
                                const std::function<bool(TextChange)>& visit);

}  // namespace ringside::guest::linux
