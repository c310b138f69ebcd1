// SPDX-License-Identifier: Apache-2.0
#include "agent/outcome.h"

namespace ringside::agent {

Exit exit_for(Errc code) {
  switch (code) {
    case Errc::invalid_argument:
    case Errc::not_found:
      return Exit::usage;
    // The guest, or the way to it, did not give what was asked for: that is "not checked", never "clean".
    case Errc::closed:
    case Errc::deadline:
    case Errc::not_mapped:
    case Errc::not_ram:
    case Errc::non_canonical:
    case Errc::out_of_bounds:
    case Errc::gone:
    case Errc::unsupported:
    case Errc::permission:
    case Errc::mismatch:
    case Errc::unavailable:
    case Errc::peer_error:
      return Exit::unchecked;
    case Errc::refused:
    case Errc::monitor_busy:
      return Exit::not_attached;
    case Errc::cancelled:
    case Errc::io:
    case Errc::malformed:
    case Errc::oversized:
      return Exit::internal;
  }
  return Exit::internal;
}

namespace {
int rank(Exit code) {
  switch (code) {
    case Exit::clean:
      return 0;
    case Exit::unchecked:
      return 1;
    case Exit::violations:
      return 2;
    case Exit::not_attached:
      return 3;
    case Exit::internal:
      return 4;
    case Exit::usage:
      return 5;
  }
  return 4;
}
}  // namespace

Exit worse(Exit a, Exit b) {
  return rank(a) >= rank(b) ? a : b;
}

}  // namespace ringside::agent
