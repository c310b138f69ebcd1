// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <istream>
#include <string>

namespace ringside::agent {

/// Where the shell's lines come from.
class LineSource {
 public:
  struct Line {
    enum class What { text, interrupted, end } what = What::end;
    std::string text;  ///< without its line break
  };
  virtual ~LineSource() = default;
  /// The next line; waits for it. `interrupted`: the user gave up the line.
  virtual Line next(const std::string& prompt) = 0;
  /// Something that was entered, on one line: for the history.
  virtual void remember(const std::string&) {}
  /// A person types the lines.
  virtual bool interactive() const { return false; }
};

/// The lines of a stream: a script.
class StreamLines final : public LineSource {
 public:
  explicit StreamLines(std::istream& in) : in_(in) {}
  Line next(const std::string&) override {
    Line line;
    if (!std::getline(in_, line.text)) return line;
    line.what = Line::What::text;
    if (line.text.ends_with('\r')) line.text.pop_back();
    return line;
  }

 private:
  std::istream& in_;
};

}  // namespace ringside::agent
