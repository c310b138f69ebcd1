// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "base/io/endpoint.h"

#include <string>
#include <variant>

namespace ringside::agent {

struct SnapshotPath {
  std::string path;
  bool operator==(const SnapshotPath&) const = default;
};

/// What TARGET names: a running guest's monitor, or a file.
using Target = std::variant<io::Endpoint, SnapshotPath>;

/// `tcp:`, `tls:`, `unix:` and `libvirt:` are endpoints; anything else is a path, and the file that stands
/// there decides. Errors: `refused` (nothing there, or something that is neither socket nor snapshot),
/// `permission`, `invalid_argument`. `tls` is put into TLS endpoints; giving it for another kind is
/// `invalid_argument`.
Result<Target> parse_target(const std::string& text, const io::TlsOptions& tls = {});

}  // namespace ringside::agent
