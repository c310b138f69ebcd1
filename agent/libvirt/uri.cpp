// SPDX-License-Identifier: Apache-2.0
#include "agent/libvirt/uri.h"

#include <cstdlib>

namespace ringside::agent::libvirt {

std::string resolve_uri(const std::string& uri) {
  if (!uri.empty()) return uri;
  const char* configured = std::getenv("LIBVIRT_DEFAULT_URI");
  return configured != nullptr && *configured != '\0' ? configured : "qemu:///system";
}

bool is_local(std::string_view uri) {
  const std::size_t scheme_end = uri.find("://");
  return scheme_end != std::string_view::npos && uri.substr(scheme_end + 3).starts_with('/');
}

}  // namespace ringside::agent::libvirt
