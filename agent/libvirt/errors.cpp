// SPDX-License-Identifier: Apache-2.0
#include "agent/libvirt/errors.h"

#include <libvirt/virterror.h>

#include <algorithm>

namespace ringside::agent::libvirt {

namespace {

Errc code_of(const virError& error) {
  switch (error.code) {
    case VIR_ERR_NO_DOMAIN:
      return Errc::not_found;
    case VIR_ERR_AUTH_FAILED:
    case VIR_ERR_AUTH_CANCELLED:
    case VIR_ERR_AUTH_UNAVAILABLE:
    case VIR_ERR_ACCESS_DENIED:
    case VIR_ERR_OPERATION_DENIED:
      return Errc::permission;
    case VIR_ERR_OPERATION_TIMEOUT:
      return Errc::deadline;
    case VIR_ERR_OPERATION_INVALID:  // the domain does not run (any more)
      return Errc::gone;
    case VIR_ERR_NO_SUPPORT:
    case VIR_ERR_OPERATION_UNSUPPORTED:
    case VIR_ERR_ARGUMENT_UNSUPPORTED:
    case VIR_ERR_CONFIG_UNSUPPORTED:
      return Errc::unsupported;
    case VIR_ERR_NO_CONNECT:
    case VIR_ERR_INVALID_CONN:
    case VIR_ERR_RPC:
    case VIR_ERR_SYSTEM_ERROR:
      return error.domain == VIR_FROM_RPC || error.domain == VIR_FROM_REMOTE ||
                     error.code != VIR_ERR_SYSTEM_ERROR
                 ? Errc::closed
                 : Errc::io;
    default:
      return Errc::peer_error;
  }
}

std::string hint_of(Errc code) {
  switch (code) {
    case Errc::permission:
      return "run as root, or join the group libvirt";
    case Errc::closed:
      return "is libvirt's daemon running?";
    default:
      return {};
  }
}

}  // namespace

Error last_error(const std::string& what) {
  const virErrorPtr error = virGetLastError();
  if (error == nullptr || error->code == VIR_ERR_OK)
    return {Errc::io, what + ": libvirt gives no reason", {}};
  std::string words = error->message != nullptr ? error->message : "unknown error";
  std::replace(words.begin(), words.end(), '\n', ' ');
  Error made{code_of(*error), what + ": " + words, {}};
  // The file modes of its socket refuse as the system does.
  if (made.code != Errc::permission && words.find("Permission denied") != std::string::npos)
    made.code = Errc::permission;
  made.hint = hint_of(made.code);
  return made;
}

}  // namespace ringside::agent::libvirt
