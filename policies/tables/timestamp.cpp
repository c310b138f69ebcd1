// SPDX-License-Identifier: Apache-2.0
#include "policies/tables/timestamp.h"

#include <fmt/format.h>

#include <ctime>

namespace ringside::policies {

std::string timestamp(std::chrono::sys_time<std::chrono::milliseconds> when) {
  const auto second = std::chrono::floor<std::chrono::seconds>(when);
  const auto seconds = static_cast<std::time_t>(second.time_since_epoch().count());
  std::tm parts{};
  if (gmtime_r(&seconds, &parts) == nullptr) return {};
  char text[32];
  const std::size_t length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  return fmt::format("{}.{:03}Z", std::string_view(text, length), (when - second).count());
}

}  // namespace ringside::policies
