// SPDX-License-Identifier: Apache-2.0
#include "agent/daemon/metric_families.h"

namespace ringside::agent {

std::string_view to_string(MetricType type) {
  switch (type) {
    case MetricType::gauge:
      return "gauge";
    case MetricType::counter:
      return "counter";
    case MetricType::histogram:
      return "histogram";
  }
  return "";
}

const std::vector<MetricDescription>& metric_families() {
  using enum MetricType;
  static const std::vector<MetricDescription> kFamilies = {
      {Metric::build_info, "ringside_build_info", gauge, {"version"}, "The running version; always 1.", ""},
      {Metric::guest_info,
       "ringside_guest_info",
       gauge,
       {"guest", "uuid", "kernel_release", "build_id", "backend"},
       "What is known of a guest; always 1.",
       "`backend` is the way to its memory. What is not known is empty."},
      {Metric::guest_up,
       "ringside_guest_up",
       gauge,
       {"guest"},
       "1 if the guest is attached to, has booted, runs and is watched.",
       ""},
      {Metric::guest_checks,
       "ringside_guest_checks",
       gauge,
       {"guest", "verdict"},
       "Checks by what they came to last.",
       "`verdict` is `ok`, `violated`, `unknown` or `not_applicable`."},
      {Metric::ticks,
       "ringside_ticks_total",
       counter,
       {"guest"},
       "Looks at a guest because policies were due.",
       ""},
      {Metric::missed_ticks,
       "ringside_missed_ticks_total",
       counter,
       {"guest"},
       "Intervals that went by without a look.",
       ""},
      {Metric::look_duration,
       "ringside_look_duration_seconds",
       histogram,
       {"guest"},
       "How long a look at a guest took, second looks included.",
       ""},
      {Metric::scans,
       "ringside_scans_total",
       counter,
       {"policy", "result"},
       "Looks at a policy's checks.",
       "`result` is `ok`, `finding` or `unknown`: the worst that one of them came to."},
      {Metric::last_scan,
       "ringside_last_successful_scan_timestamp_seconds",
       gauge,
       {"guest", "policy"},
       "When no check of the policy was unknown last, in seconds since 1970.",
       "A policy that does not apply to a guest counts as looked at."},
      {Metric::pause_duration,
       "ringside_guest_pause_duration_seconds",
       histogram,
       {"guest"},
       "How long the agent made a guest stand still.",
       ""},
      {Metric::findings_open,
       "ringside_findings_open",
       gauge,
       {"severity"},
       "Open findings that no exception silences.",
       "`severity` is `critical`, `high`, `medium`, `low` or `info`; each is always there."},
      {Metric::findings_suppressed,
       "ringside_findings_suppressed",
       gauge,
       {},
       "Open findings that an exception silences.",
       ""},
      {Metric::findings,
       "ringside_findings_total",
       counter,
       {"policy", "check", "severity"},
       "Findings that were opened.",
       "Violations only: findings of other kinds are not counted here."},
      {Metric::actions,
       "ringside_actions_total",
       counter,
       {"action", "result"},
       "Actions that were taken or refused.",
       "`action` is `pause`, `restore` or `dump`, `result` is `done` or `refused`."},
      {Metric::policy_info,
       "ringside_policy_info",
       gauge,
       {"policy", "version", "mode"},
       "A policy in force; always 1.",
       "`mode` is `observe` or `enforce`."},
      {Metric::policy_reloads,
       "ringside_policy_reloads_total",
       counter,
       {"result"},
       "Reloads of configuration and policies.",
       "`result` is `good` or `bad`: after a bad one the last good configuration goes on."},
      {Metric::exceptions,
       "ringside_exceptions",
       gauge,
       {"state"},
       "Exceptions that are loaded.",
       "`state` is `active`, `expired` or `unused`: active ones that have matched nothing since they were "
       "loaded."},
      {Metric::store_waiting,
       "ringside_store_waiting",
       gauge,
       {},
       "Findings and actions that could not be written to disk yet.",
       ""},
      {Metric::store_dropped,
       "ringside_store_dropped_total",
       counter,
       {},
       "Findings and actions that were lost because too many waited.",
       ""},
      {Metric::outbox_depth,
       "ringside_outbox_depth",
       gauge,
       {"output"},
       "Events that wait to be sent.",
       "`output` is its name in the configuration."},
      {Metric::outbox_sent, "ringside_outbox_sent_total", counter, {"output"}, "Events that were sent.", ""},
      {Metric::outbox_dropped,
       "ringside_outbox_dropped_total",
       counter,
       {"output"},
       "Events that were dropped because too many waited.",
       ""},
  };
  return kFamilies;
}

const MetricDescription& describe(Metric metric) {
  return metric_families().at(static_cast<std::size_t>(metric));
}

const std::vector<double>& duration_buckets() {
  static const std::vector<double> kBuckets = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                               0.25,  0.5,    1,     2.5,  5,     10};
  return kBuckets;
}

}  // namespace ringside::agent
