// SPDX-License-Identifier: Apache-2.0
#include "agent/policy_test/patch_loader.h"
#include "agent/policy_test/policy_test.h"
#include "policies/engine/check_loader.h"
#include "policies/engine/source_files.h"
#include "policies/engine/spelling.h"
#include "policies/engine/yaml_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

namespace ringside::agent {

using policies::Diagnosis;
using policies::Mapping;

namespace {

constexpr std::size_t kMaxCases = 1'000, kMaxPatches = 1'000;

std::string beside(const std::string& file, const std::string& path) {
  return (std::filesystem::path(file).parent_path() / path).lexically_normal().string();
}

/// The checks of the policy that is tested, for "did you mean".
std::vector<std::string> check_ids(const policies::Policy& policy) {
  std::vector<std::string> ids;
  for (const auto& check : policy.checks) ids.push_back(check.id);
  return ids;
}

/// Columns of what is found, and what they hold.
void read_row(Diagnosis& diagnosis, const Mapping& mapping, TestCase::Expected& expected) {
  const YAML::Node row = mapping.get("row");
  if (!row.IsMap() || row.size() > kMaxPatches) {
    diagnosis.error(mapping.key_mark("row"), "`row` must be a mapping: columns, and what they hold");
    return;
  }
  for (const auto& pair : row) {
    if (!pair.first.IsScalar() || !(pair.second.IsScalar() || pair.second.IsNull()))
      diagnosis.error(pair.first, "a column is a word with a value");
    else
      expected.row.emplace_back(pair.first.Scalar(), pair.second.IsNull()
                                                         ? policies::Pattern::null()
                                                         : policies::Pattern(pair.second.Scalar()));
  }
}

TestCase::Expected read_expected(Diagnosis& diagnosis, const YAML::Node& node,
                                 const policies::Policy& policy) {
  TestCase::Expected expected;
  const Mapping mapping(diagnosis, node, "an expectation", {"check", "severity", "count", "row"});
  if (!node.IsMap()) return expected;
  const auto ids = check_ids(policy);
  if (const auto check = mapping.text("check", true)) {
    expected.check = check->text;
    if (!ids.empty() && std::find(ids.begin(), ids.end(), check->text) == ids.end())
      diagnosis.error(check->node,
                      "policy `" + policy.name + "` has no check `" + check->text.substr(0, 80) + "`",
                      policies::suggestion(check->text, ids));
  }
  expected.severity = policies::read_severity(diagnosis, mapping);
  expected.count = read_number(diagnosis, mapping, "count");
  if (expected.count == std::uint64_t{0})
    diagnosis.error(mapping.get("count"), "what is not to be found is simply left out");
  if (mapping.has("row")) read_row(diagnosis, mapping, expected);
  return expected;
}

/// A list that may be empty; nothing if the key is not there.
template <class Read>
void each_of(Diagnosis& diagnosis, const Mapping& mapping, const char* key, std::size_t most, Read read) {
  if (!mapping.has(key)) return;
  const YAML::Node list = mapping.get(key);
  if (!list.IsSequence() || list.size() > most) {
    diagnosis.error(mapping.key_mark(key), fmt::format("`{}` must be a list of at most {}", key, most));
    return;
  }
  for (const auto& one : list) read(one);
}

std::vector<TestCase::Expected> read_expectations(Diagnosis& diagnosis, const Mapping& mapping,
                                                  const char* key, const policies::Policy& policy) {
  std::vector<TestCase::Expected> all;
  each_of(diagnosis, mapping, key, kMaxPatches, [&](const YAML::Node& node) {
    auto expected = read_expected(diagnosis, node, policy);
    if (std::any_of(all.begin(), all.end(), [&](const auto& other) { return other.check == expected.check; }))
      diagnosis.error(node, "check `" + expected.check + "` stands twice");
    all.push_back(std::move(expected));
  });
  return all;
}

void read_guest(Diagnosis& diagnosis, const Mapping& mapping, policies::GuestFacts& facts) {
  if (!mapping.has("guest")) return;
  const Mapping guest(diagnosis, mapping.get("guest"), "guest", {"name", "uuid", "labels"});
  if (const auto name = guest.text("name")) facts.name = name->text;
  if (const auto uuid = guest.text("uuid")) facts.uuid = uuid->text;
  if (!guest.has("labels")) return;
  const YAML::Node labels = guest.get("labels");
  if (!labels.IsMap()) diagnosis.error(guest.key_mark("labels"), "`labels` must be a mapping");
  if (!labels.IsMap()) return;
  for (const auto& pair : labels) {
    if (pair.first.IsScalar() && pair.second.IsScalar())
      facts.labels[pair.first.Scalar()] = pair.second.Scalar();
    else
      diagnosis.error(pair.first, "a label is a word with a value");
  }
}

void read_snapshots(Diagnosis& diagnosis, const Mapping& mapping, const std::string& file, TestCase& one) {
  if (mapping.has("snapshot") == mapping.has("snapshots")) {
    diagnosis.error(mapping.node(), "a case needs either `snapshot` or `snapshots`");
    return;
  }
  if (const auto snapshot = mapping.text("snapshot")) one.snapshot = beside(file, snapshot->text);
  const auto both = mapping.list("snapshots");
  if (!mapping.has("snapshots") || both.empty()) return;
  if (both.size() != 2) {
    diagnosis.error(mapping.key_mark("snapshots"),
                    "`snapshots` are two: of the baseline, and the one to judge");
    return;
  }
  one.baseline = beside(file, both[0].text);
  one.snapshot = beside(file, both[1].text);
}

/// Checks that no case violates, each with its reason.
void read_untested(Diagnosis& diagnosis, const Mapping& document, PolicyTest& test) {
  if (!document.has("untested")) return;
  const auto ids = check_ids(test.policy);
  const YAML::Node untested = document.get("untested");
  if (!untested.IsMap()) {
    diagnosis.error(document.key_mark("untested"),
                    "`untested` must be a mapping: a check, and why no case violates it");
    return;
  }
  for (const auto& pair : untested) {
    if (!pair.first.IsScalar() || !pair.second.IsScalar() || pair.second.Scalar().empty()) {
      diagnosis.error(pair.first, "an untested check has a reason, in words");
      continue;
    }
    const std::string& check = pair.first.Scalar();
    if (!ids.empty() && std::find(ids.begin(), ids.end(), check) == ids.end())
      diagnosis.error(pair.first,
                      "policy `" + test.policy.name + "` has no check `" + check.substr(0, 80) + "`",
                      policies::suggestion(check, ids));
    test.untested[check] = pair.second.Scalar();
  }
}

TestCase read_case(Diagnosis& diagnosis, const YAML::Node& node, const PolicyTest& test) {
  TestCase one;
  one.line = line_of(node);
  const Mapping mapping(
      diagnosis, node, "a case",
      {"name", "snapshot", "snapshots", "patch", "expect", "suppressed", "unknown", "guest"});
  if (!node.IsMap()) return one;
  if (const auto name = mapping.text("name", true)) one.name = name->text;
  read_snapshots(diagnosis, mapping, test.file, one);
  each_of(diagnosis, mapping, "patch", kMaxPatches,
          [&](const YAML::Node& patch) { one.patches.push_back(read_patch(diagnosis, patch)); });
  if (!mapping.has("expect"))
    diagnosis.error(node, "a case needs key `expect`", "expect: [] if nothing is wrong");
  one.expect = read_expectations(diagnosis, mapping, "expect", test.policy);
  one.suppressed = read_expectations(diagnosis, mapping, "suppressed", test.policy);
  if (!one.suppressed.empty() && test.exceptions == nullptr)
    diagnosis.error(mapping.key_mark("suppressed"), "nothing is suppressed without `exceptions`");
  for (const auto& unknown : mapping.list("unknown")) {
    policies::Pattern pattern(unknown.text);
    const auto ids = check_ids(test.policy);
    if (!ids.empty() &&
        std::none_of(ids.begin(), ids.end(), [&](const std::string& id) { return pattern.matches(id); }))
      diagnosis.error(unknown.node, "policy `" + test.policy.name + "` has no such check",
                      policies::suggestion(unknown.text, ids));
    one.unknown.push_back(std::move(pattern));
  }
  read_guest(diagnosis, mapping, one.guest);
  return one;
}

class Loader {
 public:
  explicit Loader(PolicyTestSet& set) : set_(set) {}

  void load(const policies::SourceFile& file) {
    const policies::SourceText source(file.file, file.text);
    Diagnosis diagnosis(source);
    try {
      const auto documents = YAML::LoadAll(source.text());
      if (documents.empty()) diagnosis.error(YAML::Mark(), "the file holds no test");
      for (const auto& document : documents) read_document(diagnosis, document, file.file);
    } catch (const YAML::Exception& wrong) {
      diagnosis.error(wrong.mark, "this is not YAML: " + wrong.msg);
    } catch (const std::exception& wrong) {
      diagnosis.error(YAML::Mark(), std::string("cannot read the file: ") + wrong.what());
    }
    for (auto& error : diagnosis.take()) set_.errors.push_back(std::move(error));
  }

 private:
  void read_document(Diagnosis& diagnosis, const YAML::Node& node, const std::string& file) {
    const Mapping document(diagnosis, node, "a policy test",
                           {"apiVersion", "kind", "policy", "exceptions", "untested", "cases"});
    if (!node.IsMap()) return;
    document.constant("apiVersion", "ringside/v1");
    document.constant("kind", "PolicyTest");
    PolicyTest test;
    test.file = file;
    if (const auto name = document.text("policy", true)) read_policy(diagnosis, *name, test);
    read_exceptions(document, test);
    read_untested(diagnosis, document, test);
    const YAML::Node cases = document.get("cases");
    if (!cases.IsDefined() || !cases.IsSequence() || cases.size() == 0 || cases.size() > kMaxCases) {
      diagnosis.error(document.key_mark("cases"), "a policy test needs `cases`, a list of 1 to 1000");
      return;
    }
    for (const auto& one : cases) test.cases.push_back(read_case(diagnosis, one, test));
    set_.tests.push_back(std::move(test));
  }

  /// Loading them costs more than most tests, which are about a file.
  const std::vector<policies::Policy>& shipped() {
    if (shipped_.empty()) shipped_ = policies::shipped_policies().policies;
    return shipped_;
  }

  /// A file ("mine.yaml", "../mine"), or the name of a policy that ships, which has neither dot nor slash.
  void read_policy(Diagnosis& diagnosis, const policies::Scalar& wanted, PolicyTest& test) {
    if (wanted.text.find_first_of("./") != std::string::npos) {
      auto loaded = policies::load_policies({beside(test.file, wanted.text)});
      if (loaded.policies.size() == 1)
        test.policy = std::move(loaded.policies[0]);
      else if (loaded.errors.empty())
        diagnosis.error(wanted.node, "the file of a policy that is tested must hold one policy");
      for (auto& error : loaded.errors) set_.errors.push_back(std::move(error));
      return;
    }
    std::vector<std::string> names;
    for (const auto& policy : shipped()) {
      if (policy.name == wanted.text) test.policy = policy;
      names.push_back(policy.name);
    }
    if (test.policy.name.empty())
      diagnosis.error(
          wanted.node, "no policy that ships is called `" + wanted.text.substr(0, 80) + "`",
          policies::suggestion(wanted.text, names) + "; a file is written with its ending, mine.yaml");
  }

  void read_exceptions(const Mapping& document, PolicyTest& test) {
    if (!document.has("exceptions")) return;
    std::vector<std::string> paths;
    for (const auto& path : document.list("exceptions")) paths.push_back(beside(test.file, path.text));
    const std::vector<policies::Policy> known = shipped_and(test.policy);
    auto loaded = std::make_shared<policies::ExceptionSet>(policies::load_exceptions(paths, &known));
    for (const auto& error : loaded->errors()) set_.errors.push_back(error);
    test.exceptions = std::move(loaded);
  }

  std::vector<policies::Policy> shipped_and(const policies::Policy& policy) {
    auto all = shipped();
    std::erase_if(all, [&](const auto& other) { return other.name == policy.name; });
    all.push_back(policy);
    return all;
  }

  PolicyTestSet& set_;
  std::vector<policies::Policy> shipped_;
};

}  // namespace

PolicyTestSet load_policy_tests(const std::vector<std::string>& paths) {
  PolicyTestSet set;
  Loader loader(set);
  for (const auto& file : policies::read_source_files(paths, set.errors)) loader.load(file);
  if (!set.errors.empty()) set.tests.clear();
  return set;
}

}  // namespace ringside::agent
