// SPDX-License-Identifier: Apache-2.0
#include "agent/daemon/metrics.h"

#include "agent/daemon/guest_summary.h"
#include "agent/version.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <map>

namespace ringside::agent {

namespace {

using Labels = std::map<std::string, std::string>;

double seconds_of(std::chrono::microseconds time) {
  return std::chrono::duration<double>(time).count();
}

prometheus::Histogram::BucketBoundaries duration_buckets() {
  return {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};
}

/// A page's own families: what is, not what was counted.
class Page {
 public:
  void gauge(const std::string& name, const std::string& help, const Labels& labels, double value) {
    auto& family = gauges_.try_emplace(name, nullptr).first->second;
    if (family == nullptr) family = &prometheus::BuildGauge().Name(name).Help(help).Register(registry_);
    family->Add(labels).Set(value);
  }
  void counter(const std::string& name, const std::string& help, const Labels& labels, double value) {
    auto& family = counters_.try_emplace(name, nullptr).first->second;
    if (family == nullptr) family = &prometheus::BuildCounter().Name(name).Help(help).Register(registry_);
    family->Add(labels).Increment(value);
  }
  std::vector<prometheus::MetricFamily> collect() const { return registry_.Collect(); }

 private:
  prometheus::Registry registry_;
  std::map<std::string, prometheus::Family<prometheus::Gauge>*> gauges_;
  std::map<std::string, prometheus::Family<prometheus::Counter>*> counters_;
};

void describe(Page& page, const GuestSummary& guest) {
  const std::string& name = guest.facts.name;
  const bool up = guest.state == GuestState::watched;
  page.gauge("ringside_guest_info", "What is known of a guest; always 1.",
             {{"guest", name},
              {"uuid", guest.facts.uuid},
              {"kernel_release", guest.kernel},
              {"build_id", guest.build_id},
              {"backend", guest.backend}},
             1);
  page.gauge("ringside_guest_up", "1 if the guest is attached to, has booted, runs and is watched.",
             {{"guest", name}}, up ? 1 : 0);
  for (const auto& [state, count] :
       {std::pair("ok", guest.checks.ok), std::pair("violated", guest.checks.violated),
        std::pair("unknown", guest.checks.unknown), std::pair("not_applicable", guest.checks.not_applicable)})
    page.gauge("ringside_guest_checks", "Checks by what they came to last.",
               {{"guest", name}, {"verdict", state}}, static_cast<double>(count));
  page.counter("ringside_ticks_total", "Looks at a guest because policies were due.", {{"guest", name}},
               static_cast<double>(guest.ticks));
  page.counter("ringside_missed_ticks_total", "Intervals that went by without a look.", {{"guest", name}},
               static_cast<double>(guest.missed));
}

void describe(Page& page, const std::vector<FindingRecord>& open) {
  std::map<std::string, double> severities = {
      {"critical", 0}, {"high", 0}, {"medium", 0}, {"low", 0}, {"info", 0}};
  double suppressed = 0;
  for (const auto& record : open) {
    if (record.suppressed_by)
      ++suppressed;
    else
      ++severities[std::string(to_string(record.severity))];
  }
  for (const auto& [severity, count] : severities)
    page.gauge("ringside_findings_open", "Open findings that no exception silences.",
               {{"severity", severity}}, count);
  page.gauge("ringside_findings_suppressed", "Open findings that an exception silences.", {}, suppressed);
}

}  // namespace

struct Metrics::Impl {
  prometheus::Registry registry;
  prometheus::Family<prometheus::Histogram>& looks =
      prometheus::BuildHistogram()
          .Name("ringside_look_duration_seconds")
          .Help("How long a look at a guest took, second looks included.")
          .Register(registry);
  prometheus::Family<prometheus::Histogram>& pauses =
      prometheus::BuildHistogram()
          .Name("ringside_guest_pause_duration_seconds")
          .Help("How long the agent made a guest stand still.")
          .Register(registry);
  prometheus::Family<prometheus::Counter>& findings = prometheus::BuildCounter()
                                                          .Name("ringside_findings_total")
                                                          .Help("Findings that were opened.")
                                                          .Register(registry);
  prometheus::Family<prometheus::Counter>& actions = prometheus::BuildCounter()
                                                         .Name("ringside_actions_total")
                                                         .Help("Actions that were taken or refused.")
                                                         .Register(registry);
  prometheus::Family<prometheus::Counter>& reloads = prometheus::BuildCounter()
                                                         .Name("ringside_policy_reloads_total")
                                                         .Help("Reloads of configuration and policies.")
                                                         .Register(registry);
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {
  for (const char* result : {"good", "bad"}) impl_->reloads.Add({{"result", result}});
}
Metrics::~Metrics() = default;

void Metrics::look(const std::string& guest, std::chrono::microseconds took) {
  impl_->looks.Add({{"guest", guest}}, duration_buckets()).Observe(seconds_of(took));
}

void Metrics::paused(const std::string& guest, std::chrono::microseconds length) {
  impl_->pauses.Add({{"guest", guest}}, duration_buckets()).Observe(seconds_of(length));
}

void Metrics::finding(const std::string& policy, const std::string& check, policies::Severity severity) {
  impl_->findings.Add({{"policy", policy}, {"check", check}, {"severity", std::string(to_string(severity))}})
      .Increment();
}

void Metrics::action(const std::string& action, bool done) {
  impl_->actions.Add({{"action", action}, {"result", done ? "done" : "refused"}}).Increment();
}

void Metrics::reloaded(bool good) {
  impl_->reloads.Add({{"result", good ? "good" : "bad"}}).Increment();
}

std::string Metrics::page(const State& state) {
  Page page;
  page.gauge("ringside_build_info", "The running version; always 1.", {{"version", kVersion}}, 1);
  for (const auto& guest : state.guests) describe(page, guest);
  describe(page, state.open);
  for (const auto& policy : state.policies)
    page.gauge(
        "ringside_policy_info", "A policy in force; always 1.",
        {{"policy", policy.name}, {"version", policy.version}, {"mode", std::string(to_string(policy.mode))}},
        1);
  page.gauge("ringside_store_waiting", "Findings and actions that could not be written to disk yet.", {},
             static_cast<double>(state.writing.waiting));
  page.counter("ringside_store_dropped_total", "Findings and actions that were lost because too many waited.",
               {}, static_cast<double>(state.writing.dropped));
  auto families = page.collect();
  for (auto& family : impl_->registry.Collect()) families.push_back(std::move(family));
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace ringside::agent
