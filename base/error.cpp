// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

namespace ringside {

std::string_view to_string(Errc code) {
  switch (code) {
    case Errc::refused:
      return "refused";
    case Errc::monitor_busy:
      return "monitor_busy";
    case Errc::closed:
      return "closed";
    case Errc::deadline:
      return "deadline";
    case Errc::cancelled:
      return "cancelled";
    case Errc::io:
      return "io";
    case Errc::peer_error:
      return "peer_error";
    case Errc::malformed:
      return "malformed";
    case Errc::oversized:
      return "oversized";
    case Errc::not_mapped:
      return "not_mapped";
    case Errc::not_ram:
      return "not_ram";
    case Errc::non_canonical:
      return "non_canonical";
    case Errc::out_of_bounds:
      return "out_of_bounds";
    case Errc::gone:
      return "gone";
    case Errc::unsupported:
      return "unsupported";
    case Errc::permission:
      return "permission";
    case Errc::invalid_argument:
      return "invalid_argument";
    case Errc::not_found:
      return "not_found";
    case Errc::mismatch:
      return "mismatch";
    case Errc::unavailable:
      return "unavailable";
  }
  return "unknown";
}

}  // namespace ringside
