// SPDX-License-Identifier: Apache-2.0
#include "agent/daemon/metrics.h"

#include "agent/daemon/guest_summary.h"
#include "agent/daemon/metric_families.h"
#include "agent/version.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <map>
#include <mutex>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace ringside::agent {

namespace {

using Values = std::vector<std::string>;

double seconds_of(std::chrono::microseconds time) {
  return std::chrono::duration<double>(time).count();
}

/// The family's labels with `values`, one each.
std::map<std::string, std::string> labels_of(const MetricDescription& family, const Values& values) {
  if (values.size() != family.labels.size())
    throw std::logic_error("not all labels of " + std::string(family.name));
  std::map<std::string, std::string> labels;
  for (std::size_t i = 0; i < values.size(); ++i) labels.emplace(family.labels[i], values[i]);
  return labels;
}

/// Families by their description, registered when they are first used. Not thread-safe.
template <class Kind>
class Families {
 public:
  explicit Families(prometheus::Registry& registry) : registry_(registry) {}
  template <class... Arguments>
  Kind& use(Metric metric, const Values& values, Arguments&&... arguments) {
    const auto& about = describe(metric);
    auto& family = families_[metric];
    if (family == nullptr)
      family = &builder().Name(std::string(about.name)).Help(std::string(about.help)).Register(registry_);
    return family->Add(labels_of(about, values), std::forward<Arguments>(arguments)...);
  }

 private:
  static auto builder() {
    if constexpr (std::is_same_v<Kind, prometheus::Gauge>)
      return prometheus::BuildGauge();
    else if constexpr (std::is_same_v<Kind, prometheus::Counter>)
      return prometheus::BuildCounter();
    else
      return prometheus::BuildHistogram();
  }
  prometheus::Registry& registry_;
  std::map<Metric, prometheus::Family<Kind>*> families_;
};

/// A page's own families: what is, not what was counted.
class Page {
 public:
  void gauge(Metric metric, const Values& values, double value) { gauges_.use(metric, values).Set(value); }
  void counter(Metric metric, const Values& values, double value) {
    counters_.use(metric, values).Increment(value);
  }
  std::vector<prometheus::MetricFamily> collect() const { return registry_.Collect(); }

 private:
  prometheus::Registry registry_;
  Families<prometheus::Gauge> gauges_{registry_};
  Families<prometheus::Counter> counters_{registry_};
};

void describe_guest(Page& page, const GuestSummary& guest) {
  const std::string& name = guest.facts.name;
  page.gauge(Metric::guest_info, {name, guest.facts.uuid, guest.kernel, guest.build_id, guest.backend}, 1);
  page.gauge(Metric::guest_up, {name}, guest.state == GuestState::watched ? 1 : 0);
  page.gauge(Metric::guest_paused, {name}, guest.paused_by_agent ? 1 : 0);
  for (const auto& [verdict, count] :
       {std::pair("ok", guest.checks.ok), std::pair("violated", guest.checks.violated),
        std::pair("unknown", guest.checks.unknown), std::pair("not_applicable", guest.checks.not_applicable)})
    page.gauge(Metric::guest_checks, {name, verdict}, static_cast<double>(count));
  for (const auto& [policy, at] : guest.scanned)
    page.gauge(Metric::last_scan, {name, policy}, seconds_of(at.time_since_epoch()));
  page.counter(Metric::ticks, {name}, static_cast<double>(guest.ticks));
  page.counter(Metric::missed_ticks, {name}, static_cast<double>(guest.missed));
}

void describe_findings(Page& page, const std::vector<FindingRecord>& open) {
  std::map<std::string, double> severities = {
      {"critical", 0}, {"high", 0}, {"medium", 0}, {"low", 0}, {"info", 0}};
  double suppressed = 0;
  for (const auto& record : open) {
    if (record.suppressed_by)
      ++suppressed;
    else
      ++severities[std::string(to_string(record.severity))];
  }
  for (const auto& [severity, count] : severities) page.gauge(Metric::findings_open, {severity}, count);
  page.gauge(Metric::findings_suppressed, {}, suppressed);
}

void describe_reads(Page& page, const std::map<std::string, guest::memory::ReadTotals>& reads) {
  for (const auto& [backend, totals] : reads) {
    page.counter(Metric::memory_read_bytes, {backend}, static_cast<double>(totals.bytes));
    for (const auto& [reason, count] : totals.errors)
      page.counter(Metric::memory_read_errors, {backend, std::string(to_string(reason))},
                   static_cast<double>(count));
  }
}

}  // namespace

struct Metrics::Impl {
  std::mutex mutex;  ///< for the families; their metrics have their own
  prometheus::Registry registry;
  Families<prometheus::Counter> counters{registry};
  Families<prometheus::Histogram> histograms{registry};

  void count(Metric metric, const Values& values, double by = 1) {
    const std::lock_guard lock(mutex);
    counters.use(metric, values).Increment(by);
  }
  void observe(Metric metric, const Values& values, std::chrono::microseconds time) {
    const std::lock_guard lock(mutex);
    histograms.use(metric, values, duration_buckets()).Observe(seconds_of(time));
  }
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {
  for (const char* result : {"good", "bad"}) impl_->count(Metric::policy_reloads, {result}, 0);
}
Metrics::~Metrics() = default;

void Metrics::look(const std::string& guest, std::chrono::microseconds took) {
  impl_->observe(Metric::look_duration, {guest}, took);
}

void Metrics::scanned(const std::string& policy, policies::Verdict verdict) {
  const char* result = verdict == policies::Verdict::violated  ? "finding"
                       : verdict == policies::Verdict::unknown ? "unknown"
                                                               : "ok";
  impl_->count(Metric::scans, {policy, result});
}

void Metrics::paused(const std::string& guest, std::chrono::microseconds length) {
  impl_->observe(Metric::pause_duration, {guest}, length);
}

void Metrics::finding(const std::string& policy, const std::string& check, policies::Severity severity) {
  impl_->count(Metric::findings, {policy, check, std::string(to_string(severity))});
}

void Metrics::action(const std::string& action, bool done) {
  impl_->count(Metric::actions, {action, done ? "done" : "refused"});
}

void Metrics::reloaded(bool good) {
  impl_->count(Metric::policy_reloads, {good ? "good" : "bad"});
}

void Metrics::command(std::string_view name, std::optional<Errc> failed, std::chrono::microseconds took) {
  impl_->count(Metric::qmp_commands,
               {std::string(name), std::string(failed ? to_string(*failed) : std::string_view("ok"))});
  impl_->observe(Metric::qmp_command_duration, {}, took);
}

std::string Metrics::page(const State& state) {
  Page page;
  page.gauge(Metric::build_info, {kVersion}, 1);
  for (const auto& guest : state.guests) describe_guest(page, guest);
  describe_findings(page, state.open);
  for (const auto& policy : state.policies)
    page.gauge(Metric::policy_info, {policy.name, policy.version, std::string(to_string(policy.mode))}, 1);
  page.gauge(Metric::store_waiting, {}, static_cast<double>(state.writing.waiting));
  page.counter(Metric::store_dropped, {}, static_cast<double>(state.writing.dropped));
  for (const auto& [name, count] :
       {std::pair("active", state.exceptions.active), std::pair("expired", state.exceptions.expired),
        std::pair("unused", state.exceptions.unused)})
    page.gauge(Metric::exceptions, {name}, static_cast<double>(count));
  for (const auto& output : state.outputs) {
    page.gauge(Metric::outbox_depth, {output.name}, static_cast<double>(output.waiting));
    page.counter(Metric::outbox_sent, {output.name}, static_cast<double>(output.sent));
    page.counter(Metric::outbox_dropped, {output.name}, static_cast<double>(output.dropped));
  }
  describe_reads(page, state.reads);
  page.counter(Metric::gdbstub_packets, {}, static_cast<double>(state.gdbstub_packets));
  auto families = page.collect();
  for (auto& family : impl_->registry.Collect()) families.push_back(std::move(family));
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace ringside::agent
