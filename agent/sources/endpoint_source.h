// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/sources/guest_source.h"

#include <vector>

namespace ringside::agent {

/// Guests that the configuration names one by one, by tcp:, tls: or any other endpoint: always there, whether
/// they answer or not.
class EndpointSource final : public GuestSource {
 public:
  struct Guest {
    io::Endpoint endpoint;
    std::string name;  ///< empty: the endpoint's text
    std::map<std::string, std::string> labels;
  };
  explicit EndpointSource(std::vector<Guest> guests) : guests_(std::move(guests)) {}
  /// `invalid_argument`: an endpoint is named twice.
  Result<void> start(std::function<void(const GuestNews&)> tell) override;
  std::string describe() const override;

 private:
  std::vector<Guest> guests_;
};

}  // namespace ringside::agent
