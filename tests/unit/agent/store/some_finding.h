// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/store/finding_record.h"

#include <string>

namespace ringside::agent {

/// So many seconds after some day.
inline Moment at(int seconds) {
  return Moment(std::chrono::seconds(1'800'000'000 + seconds));
}

inline FindingRecord some_finding(const std::string& fingerprint = "0123456789abcdef",
                                  const std::string& guest = "uuid-1") {
  FindingRecord record;
  record.guest = guest;
  record.guest_name = "web-" + guest;
  record.policy = "idt";
  record.policy_version = "1.0.0";
  record.check = "gates";
  record.title = "A gate leads elsewhere";
  record.message = "gate 14 leads to 0xffffffffc0de0000";
  record.remediation = "look";
  record.attack = {"T1014"};
  record.fingerprint = fingerprint;
  record.row = {{"vector", 14}, {"handler", "0xffffffffc0de0000"}};
  return record;
}

}  // namespace ringside::agent
