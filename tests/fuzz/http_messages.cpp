// SPDX-License-Identifier: Apache-2.0
// What peers of the HTTP API send: targets come back when they are encoded again, and a stream of events is
// the same in whatever pieces it comes.

#include "agent/http/event_parser.h"
#include "agent/http/message.h"
#include "agent/http/url.h"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace ringside::agent;

void target(std::string_view text) {
  const auto parsed = http::parse_target(text);
  if (!parsed) return;
  std::string again;
  for (const auto& segment : parsed->segments) again += "/" + http::percent_encoded(segment);
  if (again.empty()) again = "/";
  char mark = '?';
  for (const auto& [name, value] : parsed->query) {
    again += mark + http::percent_encoded(name) + "=" + http::percent_encoded(value);
    mark = '&';
  }
  const auto second = http::parse_target(again);
  if (!second || second->query != parsed->query) std::abort();
  if (second->segments != parsed->segments) std::abort();
}

std::vector<std::pair<std::string, std::string>> events(std::string_view text, std::size_t piece) {
  http::EventParser parser(1000);
  std::vector<std::pair<std::string, std::string>> all;
  for (std::size_t at = 0; at < text.size(); at += piece)
    if (!parser.feed(text.substr(at, piece), [&](const auto& event, const auto& data) {
          all.emplace_back(event, data);
          return true;
        }))
      break;
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  target(text);
  if (events(text, 7) != events(text, text.size() + 1)) std::abort();
  (void)parse_url(text);
  (void)http::error_of(500, text);
  return 0;
}
