// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

namespace ringside::agent {

/// Every family of metrics that the agent offers, in the order of the reference page.
enum class Metric {
  build_info,
  guest_info,
  guest_up,
  guest_paused,
  guest_checks,
  ticks,
  missed_ticks,
  look_duration,
  scans,
  last_scan,
  pause_duration,
  findings_open,
  findings_suppressed,
  findings,
  actions,
  policy_info,
  policy_reloads,
  exceptions,
  store_waiting,
  store_dropped,
  outbox_depth,
  outbox_sent,
  outbox_dropped,
  memory_read_bytes,
  memory_read_errors,
  qmp_commands,
  qmp_command_duration,
  gdbstub_packets,
};

enum class MetricType { gauge, counter, histogram };
std::string_view to_string(MetricType type);

/// What a family is called and means: the only place that says so. Labels never hold addresses, process ids
/// or hashes of content.
struct MetricDescription {
  Metric metric;
  std::string_view name;
  MetricType type;
  std::vector<std::string_view> labels;
  std::string_view help;      ///< one sentence, which /metrics says too
  std::string_view labelled;  ///< more about the labels, sentences for the reference page; may be empty
};

/// One of each Metric, in its order.
const std::vector<MetricDescription>& metric_families();
const MetricDescription& describe(Metric metric);

/// Upper bounds of the buckets of every histogram, in seconds.
const std::vector<double>& duration_buckets();

}  // namespace ringside::agent
