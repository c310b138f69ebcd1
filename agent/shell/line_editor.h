// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/shell/completion.h"
#include "agent/shell/line_source.h"
#include "base/error.h"

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace ringside::agent {

/// Lines typed at the terminal on standard input, with editing, a history that outlives the program, and
/// completion. The one place that knows the line-editing library (libedit).
class LineEditor : public LineSource {
 public:
  /// Completes the word before `cursor` of the line that is being typed; Completion::start counts in it.
  using Completer = std::function<Completion(std::string_view line, std::size_t cursor)>;

  /// `history_file` need not exist. `io` if the terminal cannot be used.
  static Result<std::unique_ptr<LineEditor>> create(std::string history_file, Completer completer);
};

}  // namespace ringside::agent
