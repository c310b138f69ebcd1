// SPDX-License-Identifier: Apache-2.0
#include "agent/outputs/origin.h"

#include "agent/output/format.h"
#include "agent/store/digest.h"
#include "agent/version.h"

#include <unistd.h>

#include <array>

namespace ringside::agent {

Origin Origin::here() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return {"localhost", kVersion};
  return {name.data(), kVersion};
}

std::string event_uid(const AgentEvent& event) {
  return sha256_of_fields({to_string(event.kind), rfc3339(event.at), event.what,
                           event.finding ? event.finding->id : event.guest});
}

}  // namespace ringside::agent
