// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/endpoint_source.h"

#include "agent/output/format.h"

#include <set>

namespace ringside::agent {

Result<void> EndpointSource::start(std::function<void(const GuestNews&)> tell) {
  std::set<std::string> seen;
  for (const Guest& guest : guests_)
    if (!seen.insert(io::to_string(guest.endpoint)).second)
      return fail(Errc::invalid_argument, io::to_string(guest.endpoint) + " is named twice");
  for (const Guest& guest : guests_) {
    GuestNews news{GuestNews::Kind::appeared, {}, {}};
    const std::string text = io::to_string(guest.endpoint);
    news.candidate.id = "endpoint:" + text;
    news.candidate.source = "endpoint";
    news.candidate.name = guest.name.empty() ? text : guest.name;
    news.candidate.labels = guest.labels;
    news.candidate.endpoint = guest.endpoint;
    tell(news);
  }
  return {};
}

std::string EndpointSource::describe() const {
  return "endpoints: " + counted(guests_.size(), "guest");
}

}  // namespace ringside::agent
