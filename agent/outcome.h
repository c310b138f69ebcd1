// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"

#include <tl/expected.hpp>

#include <utility>

namespace ringside::agent {

/// The program's exit codes; docs/cli.md documents them.
enum class Exit {
  clean = 0,
  internal = 1,
  usage = 2,         ///< bad command line, bad SQL or bad policy
  violations = 3,    ///< violations were found
  unchecked = 4,     ///< something could not be read or checked
  not_attached = 5,  ///< the target could not be attached to
};

/// The exit code of a failure that happened after the target was attached.
Exit exit_for(Errc code);

/// Both happened: an internal or usage error wins, then violations, then what could not be checked.
Exit worse(Exit a, Exit b);

/// An error with the exit code it ends the program with.
struct Failure {
  Error error;
  Exit exit;
  Failure(Error e) : error(std::move(e)), exit(exit_for(error.code)) {}
  Failure(Error e, Exit code) : error(std::move(e)), exit(code) {}
};

template <class T>
using Attempt = tl::expected<T, Failure>;
using Outcome = Attempt<Exit>;

}  // namespace ringside::agent

namespace ringside {
/// Lets RINGSIDE_TRY hand a Failure up unchanged.
inline tl::unexpected<agent::Failure> fail(agent::Failure failure) {
  return tl::unexpected(std::move(failure));
}
}  // namespace ringside
