// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace ringside::agent::libvirt {

/// The connection that is meant where none is named: $LIBVIRT_DEFAULT_URI, else "qemu:///system". Endpoints
/// of guests always hold the whole URI, so that the freeze journal means the same in every environment.
std::string resolve_uri(const std::string& uri);

/// Whether QEMU runs on this machine: a URI without a host (https://libvirt.org/uri.html).
bool is_local(std::string_view uri);

}  // namespace ringside::agent::libvirt
