// SPDX-License-Identifier: Apache-2.0
#include "agent/daemon/long_boot.h"

#include <fmt/format.h>

namespace ringside::agent {

FindingRecord LongBoot::record() const {
  FindingRecord record;
  record.kind = FindingRecord::Kind::unwatched;
  record.guest = guest_.key;
  record.guest_name = guest_.name;
  record.check = "boot";  // one of its own beside that it cannot be attached to
  record.title = "A guest does not come up";
  record.message =
      fmt::format("{} has been booting for {} minutes; until its kernel is up nothing in it is judged",
                  guest_.name, kLongest.count());
  record.remediation = "Look at its console.";
  record.severity = policies::Severity::medium;
  return record;
}

void LongBoot::goes_on(Instant at, Moment now) {
  if (!since_) since_ = at;
  if (told_ || at - *since_ < kLongest) return;
  told_ = true;
  ledger_.open(record(), now);
}

void LongBoot::over(const std::string& why, Moment now) {
  since_.reset();
  told_ = false;
  ledger_.resolve(finding_id(record()), why, now);
}

}  // namespace ringside::agent
