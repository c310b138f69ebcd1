// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/text/kernel_text.h"
#include "guest/linux/text/patch_site.h"

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

namespace ringside::guest::linux {

/// Every place of the kernel's own code, and of live modules, that the kernel patches while it runs, with
/// what it must hold by the kernel's state at this moment: exactly, not some encoding that would be legal
/// there. What was decided once at boot or load (alternatives, return thunks, ...) has no site: its tables
/// are gone.
class PatchSites {
 public:
  /// Those of `kernel`, made at the first call; see Kernel::memo().
  static PatchSites& of(Kernel& kernel);
  explicit PatchSites(Kernel& kernel);

  /// In order of address.
  const std::vector<PatchSite>& all() const { return sites_.entries; }
  const std::vector<Error>& problems() const { return sites_.problems; }
  const KernelText& text() const { return *text_; }

  /// How a site stands.
  struct Look {
    bool known = false;    ///< its bytes could be read
    bool ok = false;       ///< it holds what its state demands
    std::size_t size = 0;  ///< bytes that it takes
  };
  Look look(const PatchSite& site);

  /// Sites [first, second) of all() that begin in `range`.
  std::pair<std::size_t, std::size_t> in(const Range& range) const;

 private:
  bool in_flight(const PatchSite& site, ByteView actual);

  Kernel* kernel_;
  KernelText* text_;
  Listing<PatchSite> sites_;
  std::optional<std::vector<Gva>> in_flight_;
};

}  // namespace ringside::guest::linux
