// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/text/text_references.h"

#include <memory>
#include <string>
#include <vector>

namespace ringside::guest::linux {

/// Code of the kernel or of one module as it stood when it was kept.
struct KeptRegion {
  std::string module;    ///< empty: the image
  std::string identity;  ///< of the image: its build id; of a module: see module_instance()
  Gva first;
  Bytes bytes;  ///< without probes and breakpoints that were set
  bool operator==(const KeptRegion&) const = default;
};

/// All code of a kernel and its modules at one moment.
struct KeptText {
  std::vector<KeptRegion> regions;  ///< the image first
  std::vector<Error> incomplete;    ///< what could not be kept
};

/// Reads it. Fails if the image's text cannot be read, and before boot is over.
Result<KeptText> keep_text(Kernel& kernel);

/// What tells one loading of a module from every other of the same boot and build: source version, and the
/// number of its node in sysfs, which is given once. Two loads of one module may be relocated differently at
/// the same place. `unavailable` where the kernel's layout does not tell.
Result<std::string> module_instance(Kernel& kernel, Gva module);

/// The source "first-seen" over kept text. It speaks of a region only where the very same kernel (by build id
/// and place) or the same loading of a module runs: after a reboot with another KASLR slide it knows nothing.
std::shared_ptr<const TextReferenceSource> first_seen(std::shared_ptr<const KeptText> kept);

}  // namespace ringside::guest::linux
