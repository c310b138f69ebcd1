// SPDX-License-Identifier: Apache-2.0
#include "agent/config/config_reader.h"

#include "policies/engine/duration.h"
#include "policies/engine/spelling.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace ringside::agent {

namespace {

std::optional<std::uint64_t> parse_count(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

void ConfigReader::text(const Mapping& mapping, std::string_view key, std::string& into) {
  if (const auto value = mapping.text(key)) into = value->text;
}

void ConfigReader::texts(const Mapping& mapping, std::string_view key, std::vector<std::string>& into) {
  for (const auto& value : mapping.list(key))
    if (std::find(into.begin(), into.end(), value.text) == into.end()) into.push_back(value.text);
}

void ConfigReader::duration(const Mapping& mapping, std::string_view key, std::chrono::milliseconds& into) {
  const auto value = mapping.text(key);
  if (!value) return;
  const auto length = policies::parse_duration(value->text);
  if (!length)
    diagnosis_.error(value->node, "`" + value->text + "` is no duration", policies::kDurationHint);
  else
    into = *length;
}

void ConfigReader::number(const Mapping& mapping, std::string_view key, std::uint64_t least,
                          std::uint64_t most, std::uint64_t& into) {
  const auto value = mapping.text(key);
  if (!value) return;
  const auto parsed = parse_count(value->text);
  if (!parsed || *parsed < least || *parsed > most)
    diagnosis_.error(value->node, "`" + std::string(key) + "` must be a whole number from " +
                                      std::to_string(least) + " to " + std::to_string(most));
  else
    into = *parsed;
}

void ConfigReader::number(const Mapping& mapping, std::string_view key, unsigned least, unsigned most,
                          unsigned& into) {
  std::uint64_t value = into;
  number(mapping, key, std::uint64_t{least}, std::uint64_t{most}, value);
  into = static_cast<unsigned>(value);
}

void ConfigReader::size(const Mapping& mapping, std::string_view key, std::uint64_t& into) {
  const auto value = mapping.text(key);
  if (!value) return;
  static constexpr std::pair<std::string_view, unsigned> kUnits[] = {{"KiB", 10}, {"MiB", 20}, {"GiB", 30}};
  std::string_view digits = value->text;
  unsigned shift = 0;
  for (const auto& [unit, bits] : kUnits)
    if (digits.ends_with(unit)) {
      digits.remove_suffix(unit.size());
      shift = bits;
    }
  const auto count = parse_count(digits);
  if (!count || *count > (std::uint64_t{1} << 50) >> shift)
    diagnosis_.error(value->node, "`" + value->text + "` is no size",
                     "a whole number with KiB, MiB or GiB: 512MiB");
  else
    into = *count << shift;
}

void ConfigReader::each(const Mapping& mapping, std::string_view key,
                        void (ConfigReader::*part)(const YAML::Node&)) {
  if (!mapping.has(key)) return;
  const YAML::Node list = mapping.get(key);
  if (list.IsNull()) return;
  if (!list.IsSequence()) {
    diagnosis_.error(list, "`" + std::string(key) + "` must be a list");
    return;
  }
  for (const auto& node : list) (this->*part)(node);
}

void ConfigReader::in(const Mapping& mapping, std::string_view key,
                      void (ConfigReader::*part)(const YAML::Node&)) {
  if (mapping.has(key) && !mapping.get(key).IsNull()) (this->*part)(mapping.get(key));
}

void ConfigReader::read(const YAML::Node& document) {
  const Mapping mapping(
      diagnosis_, document, "the configuration",
      {"guests", "control", "http", "policies", "watching", "pauses", "actions", "keep", "outputs"});
  if (!document.IsMap()) return;
  in(mapping, "guests", &ConfigReader::guests);
  in(mapping, "control", &ConfigReader::control);
  in(mapping, "http", &ConfigReader::http);
  in(mapping, "policies", &ConfigReader::policies_);
  in(mapping, "watching", &ConfigReader::watching);
  in(mapping, "pauses", &ConfigReader::pauses);
  in(mapping, "actions", &ConfigReader::actions);
  in(mapping, "keep", &ConfigReader::keeping);
  each(mapping, "outputs", &ConfigReader::output);
}

void ConfigReader::tls(const YAML::Node& node, io::TlsOptions& into) {
  const Mapping mapping(diagnosis_, node, "tls", {"ca", "certificate", "key", "name"});
  text(mapping, "ca", into.ca_file);
  text(mapping, "certificate", into.certificate_file);
  text(mapping, "key", into.key_file);
  text(mapping, "name", into.server_name);
  if (into.certificate_file.empty() != into.key_file.empty())
    diagnosis_.error(node, "`certificate` and `key` go together");
}

void ConfigReader::guests(const YAML::Node& node) {
  const Mapping mapping(diagnosis_, node, "guests",
                        {"sockets", "endpoints", "tls", "libvirt", "hook", "exclude", "labels"});
  auto& guests = config_.guests;
  texts(mapping, "sockets", guests.sockets);
  for (const auto& value : mapping.list("endpoints")) {
    const auto endpoint = io::parse_endpoint(value.text);
    if (!endpoint)
      diagnosis_.error(value.node, endpoint.error().message, endpoint.error().hint);
    else if (endpoint->kind == io::Endpoint::Kind::unix_socket)
      diagnosis_.error(value.node, "`" + value.text + "` is a socket's path: it belongs under `sockets`");
    else
      guests.endpoints.push_back(value.text);
  }
  if (mapping.has("tls")) tls(mapping.get("tls"), guests.tls);
  texts(mapping, "libvirt", guests.libvirt);
  text(mapping, "hook", guests.hook);
  texts(mapping, "exclude", guests.exclude);
  each(mapping, "labels", &ConfigReader::label_rule);
}

void ConfigReader::label_rule(const YAML::Node& node) {
  const Mapping mapping(diagnosis_, node, "a rule of labels", {"guests", "set"});
  if (!node.IsMap()) return;
  LabelRule rule;
  texts(mapping, "guests", rule.guests);
  if (rule.guests.empty())
    diagnosis_.error(node, "a rule of labels needs `guests`: names, patterns or UUIDs");
  const YAML::Node labels = mapping.get("set");
  if (!labels.IsDefined() || !labels.IsMap()) {
    diagnosis_.error(node, "a rule of labels needs `set`: a mapping of names to values");
    return;
  }
  for (const auto& label : labels) {
    if (!label.first.IsScalar() || !label.second.IsScalar())
      diagnosis_.error(label.first, "a label is a name and a value");
    else
      rule.labels[label.first.Scalar()] = label.second.Scalar();
  }
  config_.guests.labels.push_back(std::move(rule));
}

void ConfigReader::control(const YAML::Node& node) {
  const Mapping mapping(diagnosis_, node, "control", {"socket", "group"});
  text(mapping, "socket", config_.control.socket);
  text(mapping, "group", config_.control.group);
}

void ConfigReader::http(const YAML::Node& node) {
  const Mapping mapping(diagnosis_, node, "http", {"listen", "certificate", "key", "clientCa", "tokenFile"});
  auto& http = config_.http;
  text(mapping, "listen", http.listen);
  text(mapping, "certificate", http.certificate_file);
  text(mapping, "key", http.key_file);
  text(mapping, "clientCa", http.client_ca_file);
  text(mapping, "tokenFile", http.token_file);
  if (http.certificate_file.empty() != http.key_file.empty())
    diagnosis_.error(node, "`certificate` and `key` go together");
}

void ConfigReader::policies_(const YAML::Node& node) {
  const Mapping mapping(diagnosis_, node, "policies",
                        {"builtIn", "paths", "exceptions", "unusedExceptionsAfter"});
  if (mapping.has("builtIn")) {
    config_.policies.built_in.clear();
    texts(mapping, "builtIn", config_.policies.built_in);
  }
  texts(mapping, "paths", config_.policies.paths);
  texts(mapping, "exceptions", config_.policies.exceptions);
  duration(mapping, "unusedExceptionsAfter", config_.policies.unused_exceptions_after);
}

void ConfigReader::watching(const YAML::Node& node) {
  const Mapping mapping(diagnosis_, node, "watching",
                        {"workers", "memory", "msrs", "connectTimeout", "longestRetry", "blindAfter",
                         "unwatchedAfter", "settle", "learn"});
  auto& watching = config_.watching;
  number(mapping, "workers", 0u, 256u, watching.workers);
  if (const auto value = mapping.text("memory")) {
    const auto backend = guest::live::parse_backend(value->text);
    if (backend)
      watching.memory = *backend;
    else
      diagnosis_.error(value->node, backend.error().message, backend.error().hint);
  }
  if (const auto value = mapping.text("msrs")) {
    using guest::live::MsrSource;
    static const std::pair<std::string, MsrSource> kSources[] = {{"auto", MsrSource::automatic},
                                                                 {"calibrated", MsrSource::calibrated},
                                                                 {"vmstate", MsrSource::vmstate},
                                                                 {"none", MsrSource::none}};
    const auto* const found = std::find_if(std::begin(kSources), std::end(kSources),
                                           [&](const auto& one) { return one.first == value->text; });
    if (found == std::end(kSources))
      diagnosis_.error(value->node, "unknown way to MSRs `" + value->text + "`",
                       policies::suggestion(value->text, {"auto", "calibrated", "vmstate", "none"}));
    else
      watching.msrs = found->second;
  }
  duration(mapping, "connectTimeout", watching.connect_timeout);
  duration(mapping, "longestRetry", watching.longest_retry);
  duration(mapping, "blindAfter", watching.blind_after);
  duration(mapping, "unwatchedAfter", watching.unwatched_after);
  duration(mapping, "settle", watching.settle);
  if (const auto learn = mapping.boolean("learn")) watching.learn = *learn;
}

void ConfigReader::pauses(const YAML::Node& node) {
  const Mapping mapping(diagnosis_, node, "pauses", {"longest", "perMinute"});
  duration(mapping, "longest", config_.pauses.longest);
  duration(mapping, "perMinute", config_.pauses.per_minute);
}

void ConfigReader::actions(const YAML::Node& node) {
  const Mapping mapping(diagnosis_, node, "actions", {"allow", "breaker"});
  each(mapping, "allow", &ConfigReader::action_rule);
  if (!mapping.has("breaker")) return;
  const Mapping breaker(diagnosis_, mapping.get("breaker"), "breaker", {"perGuest", "perHost", "within"});
  number(breaker, "perGuest", 0u, 1000u, config_.breaker.per_guest);
  number(breaker, "perHost", 0u, 100'000u, config_.breaker.per_host);
  duration(breaker, "within", config_.breaker.within);
}

void ConfigReader::action_rule(const YAML::Node& node) {
  static const std::vector<std::string> kActions = {"pause", "restore", "dump"};
  const Mapping mapping(diagnosis_, node, "a rule of actions", {"guests", "actions"});
  if (!node.IsMap()) return;
  ActionRule rule;
  texts(mapping, "guests", rule.guests);
  if (rule.guests.empty())
    diagnosis_.error(node, "a rule of actions needs `guests`: names, patterns or UUIDs");
  for (const auto& action : mapping.list("actions", true)) {
    if (std::find(kActions.begin(), kActions.end(), action.text) == kActions.end())
      diagnosis_.error(action.node, "unknown action `" + action.text + "`",
                       policies::suggestion(action.text, kActions));
    else
      rule.allow.push_back(action.text);
  }
  config_.actions.push_back(std::move(rule));
}

void ConfigReader::keeping(const YAML::Node& node) {
  const Mapping mapping(diagnosis_, node, "keep", {"evidence", "dumps", "resolvedFindings"});
  size(mapping, "evidence", config_.evidence_bytes);
  size(mapping, "dumps", config_.dump_bytes);
  number(mapping, "resolvedFindings", std::uint64_t{0}, std::uint64_t{10'000'000}, config_.resolved_findings);
}

void ConfigReader::output(const YAML::Node& node) {
  const Mapping mapping(diagnosis_, node, "an output",
                        {"name", "kind", "to", "tls", "headers", "atLeast", "queue", "timeout"});
  if (!node.IsMap()) return;
  OutputConfig output;
  if (const auto name = mapping.text("name", true)) output.name = name->text;
  const auto same = std::find_if(config_.outputs.begin(), config_.outputs.end(),
                                 [&](const auto& other) { return other.name == output.name; });
  if (same != config_.outputs.end() && !output.name.empty())
    diagnosis_.error(node, "there is an output `" + output.name + "` already");
  using Kind = OutputConfig::Kind;
  static const std::vector<std::pair<std::string, Kind>> kKinds = {{"json", Kind::json},
                                                                   {"syslog", Kind::syslog},
                                                                   {"webhook", Kind::webhook},
                                                                   {"alertmanager", Kind::alertmanager}};
  if (const auto kind = mapping.text("kind", true)) {
    const auto found =
        std::find_if(kKinds.begin(), kKinds.end(), [&](const auto& one) { return one.first == kind->text; });
    if (found == kKinds.end())
      diagnosis_.error(kind->node, "unknown kind of output `" + kind->text + "`",
                       policies::suggestion(kind->text, {"json", "syslog", "webhook", "alertmanager"}));
    else
      output.kind = found->second;
  }
  if (const auto to = mapping.text("to", true)) output.to = to->text;
  if (mapping.has("tls")) tls(mapping.get("tls"), output.tls);
  if (const YAML::Node headers = mapping.get("headers"); headers.IsDefined() && headers.IsMap())
    for (const auto& header : headers) {
      if (header.first.IsScalar() && header.second.IsScalar())
        output.headers[header.first.Scalar()] = header.second.Scalar();
      else
        diagnosis_.error(header.first, "a header is a name and a value");
    }
  if (const auto least = mapping.text("atLeast")) {
    using policies::Severity;
    static constexpr Severity kAll[] = {Severity::info, Severity::low, Severity::medium, Severity::high,
                                        Severity::critical};
    const auto* const found = std::find_if(std::begin(kAll), std::end(kAll), [&](Severity severity) {
      return to_string(severity) == least->text;
    });
    if (found == std::end(kAll))
      diagnosis_.error(least->node, "unknown severity `" + least->text + "`",
                       policies::suggestion(least->text, {"info", "low", "medium", "high", "critical"}));
    else
      output.at_least = *found;
  }
  std::uint64_t queue = output.queue;
  number(mapping, "queue", std::uint64_t{1}, std::uint64_t{10'000'000}, queue);
  output.queue = queue;
  duration(mapping, "timeout", output.timeout);
  config_.outputs.push_back(std::move(output));
}

}  // namespace ringside::agent
