// SPDX-License-Identifier: Apache-2.0
#include "policies/engine/check_loader.h"
#include "policies/engine/duration.h"
#include "policies/engine/policy.h"
#include "policies/engine/spelling.h"
#include "policies/engine/yaml_reader.h"

#include <algorithm>
#include <limits>
#include <regex>

namespace ringside::policies {

namespace {

constexpr std::string_view kApiVersion = "ringside/v1", kKind = "Policy";
constexpr std::chrono::milliseconds kShortestInterval{100}, kLongestInterval{24 * 60 * 60 * 1000};

/// Each of `values` must be one of `allowed`.
std::vector<std::string> read_choices(Diagnosis& diagnosis, const std::vector<Scalar>& values,
                                      const char* what, const std::vector<std::string>& allowed) {
  std::vector<std::string> chosen;
  for (const auto& value : values) {
    if (std::find(allowed.begin(), allowed.end(), value.text) == allowed.end())
      diagnosis.error(value.node, std::string("unknown ") + what + " `" + value.text + "`",
                      suggestion(value.text, allowed));
    else
      chosen.push_back(value.text);
  }
  return chosen;
}

/// Text without the line end that a folded block of YAML keeps.
std::string without_end(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

void read_metadata(Diagnosis& diagnosis, const YAML::Node& node, Policy& policy) {
  static const std::regex kVersion(R"(\d{1,9}(\.\d{1,9}){0,2})");
  const Mapping metadata(
      diagnosis, node, "metadata",
      {"name", "version", "title", "description", "falsePositives", "remediation", "severity", "attack"});
  if (const auto name = read_name(diagnosis, metadata, "name")) policy.name = *name;
  if (const auto version = metadata.text("version")) {
    policy.version = version->text;
    if (version->text.size() > 40 || !std::regex_match(version->text, kVersion))
      diagnosis.error(version->node, "a version is up to three numbers with dots", "for example 1.2.0");
  }
  if (const auto title = metadata.text("title", true)) policy.title = title->text;
  if (const auto description = metadata.text("description"))
    policy.description = without_end(description->text);
  if (const auto text = metadata.text("falsePositives")) policy.false_positives = without_end(text->text);
  if (const auto text = metadata.text("remediation")) policy.remediation = without_end(text->text);
  if (const auto severity = read_severity(diagnosis, metadata)) policy.severity = *severity;
  policy.attack = read_attack(diagnosis, metadata);
}

void read_guests(Diagnosis& diagnosis, const YAML::Node& node, GuestSelector& guests) {
  const Mapping mapping(diagnosis, node, "guests", {"paging", "accelerators", "nx", "golden"});
  guests.paging = read_choices(diagnosis, mapping.list("paging"), "paging mode",
                               {"2-level", "pae", "4-level", "5-level"});
  guests.accelerators = read_choices(diagnosis, mapping.list("accelerators"), "accelerator", {"kvm", "tcg"});
  guests.nx = mapping.boolean("nx").value_or(false);
  guests.golden = mapping.boolean("golden").value_or(false);
}

void read_interval(Diagnosis& diagnosis, const Mapping& spec, Policy& policy) {
  const auto text = spec.text("interval");
  if (!text) return;
  const auto interval = parse_duration(text->text);
  if (!interval)
    diagnosis.error(text->node, "`" + text->text + "` is no duration", kDurationHint);
  else if (*interval < kShortestInterval || *interval > kLongestInterval)
    diagnosis.error(text->node, "an interval is from 100ms to 24h");
  else
    policy.interval = *interval;
}

void read_checks(Diagnosis& diagnosis, Database& database, const Mapping& spec, Policy& policy) {
  if (!spec.has("checks")) {
    diagnosis.error(spec.node(), "spec needs key `checks`");
    return;
  }
  const YAML::Node checks = spec.get("checks");
  if (!checks.IsSequence() || checks.size() == 0) {
    diagnosis.error(checks.IsNull() ? spec.key_mark("checks") : checks.Mark(),
                    "`checks` must be a list that is not empty");
    return;
  }
  std::vector<std::pair<std::string, int>> ids;
  for (const auto& node : checks) {
    Check check = load_check(diagnosis, database, node, policy);
    const auto same =
        std::find_if(ids.begin(), ids.end(), [&](const auto& other) { return other.first == check.id; });
    if (same != ids.end() && !check.id.empty())
      diagnosis.error(node["id"], "check id `" + check.id + "` stands twice",
                      "the first is in line " + std::to_string(same->second + 1));
    ids.emplace_back(check.id, node.Mark().line);
    policy.checks.push_back(std::move(check));
  }
}

Policy read_document(Diagnosis& diagnosis, Database& database, const YAML::Node& node) {
  Policy policy;
  const Mapping document(diagnosis, node, "a policy", {"apiVersion", "kind", "metadata", "spec"});
  if (!node.IsMap()) return policy;
  document.constant("apiVersion", kApiVersion);
  document.constant("kind", kKind);
  if (document.has("metadata"))
    read_metadata(diagnosis, document.get("metadata"), policy);
  else
    diagnosis.error(node, "a policy needs key `metadata`");
  if (!document.has("spec")) {
    diagnosis.error(node, "a policy needs key `spec`");
    return policy;
  }
  const Mapping spec(diagnosis, document.get("spec"), "spec", {"guests", "interval", "mode", "checks"});
  if (!document.get("spec").IsMap()) return policy;
  if (spec.has("guests")) read_guests(diagnosis, spec.get("guests"), policy.guests);
  read_interval(diagnosis, spec, policy);
  for (const auto& mode : read_choices(diagnosis, spec.list("mode"), "mode", {"observe", "enforce"}))
    policy.mode = mode == "enforce" ? Mode::enforce : Mode::observe;
  read_checks(diagnosis, database, spec, policy);
  return policy;
}

void read_documents(Diagnosis& diagnosis, Database& database, const SourceText& source, PolicySet& set,
                    const std::string& file) {
  const auto documents = YAML::LoadAll(source.text());
  if (documents.empty()) diagnosis.error(YAML::Mark(), "the file holds no policy");
  for (const auto& document : documents) {
    Policy policy = read_document(diagnosis, database, document);
    policy.file = file;
    const bool twice = std::any_of(set.policies.begin(), set.policies.end(), [&](const Policy& other) {
      return !policy.name.empty() && other.name == policy.name;
    });
    if (twice) diagnosis.error(document, "policy name `" + policy.name + "` stands twice in this file");
    set.policies.push_back(std::move(policy));
  }
}

}  // namespace

PolicySet load_policy_text(const std::string& file, const std::string& text) {
  PolicySet set;
  const SourceText source(file, text);
  Diagnosis diagnosis(source);
  auto database = Database::create();
  if (!database) {
    set.errors.push_back(source.at(0, database.error().message));
    return set;
  }
  try {
    read_documents(diagnosis, **database, source, set, file);
  } catch (const YAML::Exception& wrong) {
    diagnosis.error(wrong.mark, "this is not YAML: " + wrong.msg);
  } catch (const std::exception& wrong) {
    diagnosis.error(YAML::Mark(), std::string("cannot read the file: ") + wrong.what());
  }
  set.errors = diagnosis.take();
  std::stable_sort(set.errors.begin(), set.errors.end(), [](const Diagnostic& a, const Diagnostic& b) {
    return std::pair(a.line, a.column) < std::pair(b.line, b.column);
  });
  if (!set.errors.empty()) set.policies.clear();
  return set;
}

}  // namespace ringside::policies
