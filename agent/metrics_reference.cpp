// SPDX-License-Identifier: Apache-2.0
#include "agent/metrics_reference.h"

#include "agent/daemon/metric_families.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace ringside::agent {

namespace {

std::string render(const MetricDescription& family) {
  std::string out =
      fmt::format("\n## {}\n\n{}\n\nType: {}.", family.name, family.help, to_string(family.type));
  if (!family.labels.empty()) out += fmt::format(" Labels: `{}`.", fmt::join(family.labels, "`, `"));
  if (!family.labelled.empty()) out += fmt::format(" {}", family.labelled);
  return out + "\n";
}

}  // namespace

std::string metrics_markdown() {
  std::string out =
      "# Metrics\n\n"
      "What the agent tells Prometheus at `/metrics`: on its control socket always, on TCP where "
      "`http.listen` is "
      "set. This\npage is made by `ringside agent --metrics-reference` from the descriptions in "
      "`agent/daemon/metric_families.cpp`; a\ntest compares the two.\n\n"
      "Labels never hold addresses, process ids or hashes of content. `guest` is the guest's name as "
      "`ringside "
      "guests` shows\nit. Counters begin at 0 when the agent starts. Families that have counted nothing yet "
      "are "
      "left out of the answer.\n\n";
  out += fmt::format("The buckets of histograms end at {} seconds.\n", fmt::join(duration_buckets(), ", "));
  for (const auto& family : metric_families()) out += render(family);
  return out;
}

}  // namespace ringside::agent
