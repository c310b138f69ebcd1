// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/findings.h"
#include "agent/output/json.h"
#include "base/error.h"
#include "policies/engine/policy.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::agent {

/// A finding with its whole life, as the daemon keeps it, shows it and tells it to outputs.
struct FindingRecord {
  enum class Kind {
    violation,  ///< a policy's check is violated
    blind,      ///< a check has been unknown for longer than a while: `title` and `message` say which and why
    unwatched,  ///< a guest that should be watched is not
    exception_expired,  ///< an exception silences no more; `fingerprint` is its id
    exception_unused,   ///< an exception has matched nothing for long; `fingerprint` is its id
  };
  enum class State { open, resolved };
  struct Acknowledged {
    std::string by, note;
    Moment at{};
    bool operator==(const Acknowledged&) const = default;
  };

  std::string id;  ///< finding_id(): the same whenever the same thing is found again in the same guest
  Kind kind = Kind::violation;
  State state = State::open;
  std::string guest;       ///< GuestInfo::key()
  std::string guest_name;  ///< what people call it
  std::string policy, policy_version, check;
  std::string title, message, remediation;
  policies::Severity severity = policies::Severity::high;
  std::vector<std::string> attack;  ///< MITRE ATT&CK ids
  std::string fingerprint;          ///< of the violation, or see `kind`; else empty
  Json row = Json::object();        ///< the violating row: column to value, addresses as "0x..." strings
  /// The exception that silences it: recorded, but neither told nor acted upon.
  std::optional<std::string> suppressed_by;
  std::optional<Acknowledged> acknowledged;
  Moment first_seen{}, last_seen{};
  std::optional<Moment> resolved_at;
  std::uint64_t count = 1;            ///< how often it was opened
  std::vector<std::string> evidence;  ///< SHA-256 (hexadecimal) of pieces in the EvidenceStore
  bool operator==(const FindingRecord&) const = default;
};

std::string_view to_string(FindingRecord::Kind kind);
std::string_view to_string(FindingRecord::State state);

/// 12 hexadecimal digits of a SHA-256 over guest, kind, policy, check and fingerprint.
std::string finding_id(const FindingRecord& record);

/// Every field, times as RFC 3339 UTC, absent optional ones as null. The shape that `findings --json`, the
/// HTTP API and `watch` give.
Json to_json(const FindingRecord& record);
/// What to_json() gave. `malformed`: a field is missing, unknown or of another type.
Result<FindingRecord> finding_from_json(const Json& json);

}  // namespace ringside::agent
