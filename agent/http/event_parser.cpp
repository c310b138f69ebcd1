// SPDX-License-Identifier: Apache-2.0
#include "agent/http/event_parser.h"

namespace ringside::agent::http {

Result<bool> EventParser::feed(std::string_view bytes, const Handler& handler) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    partial_ += bytes.substr(0, end);
    if (partial_.size() > largest_) return fail(Errc::oversized, "an event of the agent is too long");
    if (end == bytes.npos) return true;
    bytes.remove_prefix(end + 1);
    if (partial_.ends_with('\r')) partial_.pop_back();
    const std::string complete = std::move(partial_);
    partial_.clear();
    RINGSIDE_TRY(const bool on, line(complete, handler));
    if (!on) return false;
  }
  return true;
}

Result<bool> EventParser::line(std::string_view line, const Handler& handler) {
  if (line.empty()) {
    const bool on = !any_data_ || handler(event_.empty() ? "message" : event_, data_);
    event_.clear();
    data_.clear();
    any_data_ = false;
    return on;
  }
  const std::size_t colon = line.find(':');
  const std::string_view field = line.substr(0, colon);
  std::string_view value = colon == line.npos ? std::string_view{} : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "event") event_ = value;
  if (field == "data") {
    if (data_.size() + value.size() > largest_)
      return fail(Errc::oversized, "an event of the agent is too long");
    if (any_data_) data_ += '\n';
    data_ += value;
    any_data_ = true;
  }
  return true;
}

}  // namespace ringside::agent::http
