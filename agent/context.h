// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/outcome.h"
#include "agent/output/style.h"
#include "base/io/endpoint.h"
#include "guest/live/live_guest.h"

#include <chrono>
#include <functional>
#include <iosfwd>
#include <string>

namespace ringside::agent {

/// Options that several verbs share.
struct Options {
  std::string target;
  guest::live::Backend backend = guest::live::Backend::automatic;
  guest::live::MsrSource msrs = guest::live::MsrSource::automatic;
  bool msrs_given = false;  ///< --msrs stood on the command line
  std::chrono::milliseconds timeout{5'000};
  io::TlsOptions tls;
  bool json = false;
  ColorMode color = ColorMode::automatic;
  bool verbose = false, quiet = false;
};

/// What a verb gets: the options, where its answer goes, and the slot in which its parsed command waits to be
/// run.
struct Context {
  Context(std::ostream& answers, std::ostream& messages) : out(answers), err(messages) {}

  Options options;
  std::ostream& out;
  std::ostream& err;
  bool out_is_terminal = false, err_is_terminal = false;
  std::function<Outcome()> action;  ///< set by the verb that was parsed
  bool stopped_cleanly = false;     ///< the verb took a signal as the order to finish

  Style style() const { return Style(use_color(options.color, ColorEnvironment::read(), out_is_terminal)); }
  Style error_style() const {
    return Style(use_color(options.color, ColorEnvironment::read(), err_is_terminal));
  }
};

}  // namespace ringside::agent
