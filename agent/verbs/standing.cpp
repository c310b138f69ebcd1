// SPDX-License-Identifier: Apache-2.0
#include "agent/verbs/standing.h"

#include "agent/verbs/agent_client.h"

namespace ringside::agent {

namespace {

Exit of_kind(std::string_view kind) {
  if (kind == "violation") return Exit::violations;
  return kind == "exception-expired" || kind == "exception-unused" ? Exit::clean : Exit::unchecked;
}

}  // namespace

Exit standing_of_findings(const Json& findings) {
  if (!findings.is_array()) return Exit::unchecked;
  Exit standing = Exit::clean;
  for (const Json& finding : findings) {
    if (at(finding, "state") == "resolved" || at(finding, "suppressed_by").is_string()) continue;
    standing = worse(standing, of_kind(text_at(finding, "kind")));
  }
  return standing;
}

Exit standing_of_status(const Json& status) {
  const Json& kinds = at(at(status, "findings"), "kinds");
  const Json& guests = at(status, "guests");
  if (!kinds.is_object() || !guests.is_object()) return Exit::unchecked;
  Exit standing = Exit::clean;
  for (const auto& [kind, count] : kinds.items())
    if (count != 0) standing = worse(standing, of_kind(kind));
  const bool unseen = count_at(guests, "failed") != 0 || count_at(guests, "waiting") != 0 ||
                      !at(at(status, "store"), "error").is_null();
  return unseen ? worse(standing, Exit::unchecked) : standing;
}

}  // namespace ringside::agent
