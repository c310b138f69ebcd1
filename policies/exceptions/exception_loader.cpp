// SPDX-License-Identifier: Apache-2.0
#include "policies/engine/database.h"
#include "policies/engine/source_files.h"
#include "policies/engine/spelling.h"
#include "policies/engine/yaml_reader.h"
#include "policies/exceptions/exception_set.h"

#include <algorithm>
#include <regex>
#include <set>

namespace ringside::policies {

namespace {

constexpr std::string_view kApiVersion = "ringside/v1", kKind = "Exceptions";
constexpr std::size_t kMaxExceptions = 10'000, kMaxPatterns = 1'000, kMaxPattern = 1'024, kMaxText = 4'096;

/// The policies that exceptions are held against, and the columns that their checks give.
class Known {
 public:
  explicit Known(const std::vector<Policy>* policies) : policies_(policies) {}
  explicit operator bool() const { return policies_ != nullptr; }

  const Policy* policy(const std::string& name) const {
    const auto found =
        std::find_if(policies_->begin(), policies_->end(), [&](const Policy& p) { return p.name == name; });
    return found == policies_->end() ? nullptr : &*found;
  }
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& policy : *policies_) all.push_back(policy.name);
    return all;
  }
  /// Of one check, or of all of them.
  std::vector<std::string> columns(const Policy& policy, const std::string& check) {
    if (!database_) {
      auto database = Database::create();
      if (!database) return {};
      database_ = std::move(*database);
    }
    std::set<std::string> names;
    for (const auto& one : policy.checks) {
      if (!check.empty() && one.id != check) continue;
      if (const auto info = database_->describe(one.query))
        for (const auto& column : info->columns) names.insert(column.name);
    }
    return {names.begin(), names.end()};
  }

 private:
  const std::vector<Policy>* policies_;
  std::unique_ptr<Database> database_;
};

struct Reading {
  Diagnosis& diagnosis;
  Known& known;
};

/// One value or a list of them. A null stands for NULL where `may_be_null`.
std::vector<Pattern> read_patterns(Diagnosis& diagnosis, const YAML::Node& key, const YAML::Node& value,
                                   bool may_be_null) {
  std::vector<Pattern> patterns;
  const auto add = [&](const YAML::Node& one) {
    if (one.IsNull() && may_be_null)
      patterns.push_back(Pattern::null());
    else if (!one.IsScalar())
      diagnosis.error(one.IsNull() ? key : one, "`" + key.Scalar() + "` must be a value or a list of values");
    else if (one.Scalar().size() > kMaxPattern)
      diagnosis.error(one, "a value is at most 1024 bytes");
    else
      patterns.emplace_back(one.Scalar());
  };
  if (!value.IsSequence()) {
    add(value);
    return patterns;
  }
  if (value.size() == 0 || value.size() > kMaxPatterns) {
    diagnosis.error(key, "`" + key.Scalar() + "` must be a list of 1 to 1000 values");
    return patterns;
  }
  for (const auto& one : value) add(one);
  return patterns;
}

using Conditions = std::vector<std::pair<std::string, std::vector<Pattern>>>;

/// A mapping with keys of the user's. `each` sees the node of every key.
template <class Each>
Conditions read_conditions(Diagnosis& diagnosis, const YAML::Mark& mark, const YAML::Node& node,
                           const std::string& what, bool may_be_null, Each each) {
  Conditions conditions;
  if (!node.IsMap() || node.size() == 0) {
    diagnosis.error(node.IsMap() || node.IsNull() ? mark : node.Mark(),
                    "`" + what + "` must be a mapping that is not empty");
    return conditions;
  }
  for (const auto& pair : node) {
    if (!pair.first.IsScalar() || pair.first.Scalar().empty()) {
      diagnosis.error(pair.first, "a key of `" + what + "` must be a plain word");
      continue;
    }
    const std::string key = pair.first.Scalar();
    if (std::any_of(conditions.begin(), conditions.end(),
                    [&](const auto& other) { return other.first == key; })) {
      diagnosis.error(pair.first, "key `" + key + "` stands twice in `" + what + "`");
      continue;
    }
    each(pair.first);
    conditions.emplace_back(key, read_patterns(diagnosis, pair.first, pair.second, may_be_null));
  }
  return conditions;
}

void read_guests(Diagnosis& diagnosis, const Mapping& mapping, Exception& exception) {
  static const std::regex kUuid("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}");
  if (!mapping.has("guests")) return;
  const Mapping guests(diagnosis, mapping.get("guests"), "guests", {"names", "uuids", "labels"});
  if (!guests.node().IsMap()) return;
  if (guests.node().size() == 0)
    diagnosis.error(guests.node(), "`guests` needs `names`, `uuids` or `labels`");
  for (const auto& name : guests.list("names")) {
    if (name.text.size() > kMaxPattern)
      diagnosis.error(name.node, "a name is at most 1024 bytes");
    else
      exception.names.emplace_back(name.text);
  }
  for (const auto& uuid : guests.list("uuids")) {
    std::string text = uuid.text.substr(0, 40);
    std::transform(text.begin(), text.end(), text.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    if (!std::regex_match(text, kUuid))
      diagnosis.error(uuid.node, "`" + uuid.text.substr(0, 40) + "` is no UUID",
                      "for example 6f9619ff-8b86-d011-b42d-00cf4fc964ff; names may have patterns");
    exception.uuids.push_back(std::move(text));
  }
  if (guests.has("labels"))
    exception.labels = read_conditions(diagnosis, guests.key_mark("labels"), guests.get("labels"), "labels",
                                       false, [](const YAML::Node&) {});
}

void read_match(const Reading& at, const Mapping& mapping, const Policy* policy, Exception& exception) {
  if (!mapping.has("match")) return;
  const auto columns =
      policy == nullptr ? std::vector<std::string>() : at.known.columns(*policy, exception.check);
  exception.match = read_conditions(
      at.diagnosis, mapping.key_mark("match"), mapping.get("match"), "match", true,
      [&](const YAML::Node& key) {
        if (columns.empty() || std::binary_search(columns.begin(), columns.end(), key.Scalar())) return;
        at.diagnosis.error(key, "no check that it is for gives a column `" + key.Scalar() + "`",
                           suggestion(key.Scalar(), columns));
      });
}

/// The policy, if it is known and right.
const Policy* read_subject(const Reading& at, const Mapping& mapping, Exception& exception) {
  const auto name = mapping.text("policy", true);
  const auto check = mapping.text("check");
  if (name) exception.policy = name->text;
  if (check) exception.check = check->text;
  if (!name || !at.known) return nullptr;
  const Policy* policy = at.known.policy(name->text);
  if (policy == nullptr) {
    at.diagnosis.error(name->node, "there is no policy `" + name->text.substr(0, 80) + "`",
                       suggestion(name->text, at.known.names()));
    return nullptr;
  }
  if (!check) return policy;
  std::vector<std::string> ids;
  for (const auto& one : policy->checks) ids.push_back(one.id);
  if (std::find(ids.begin(), ids.end(), check->text) != ids.end()) return policy;
  at.diagnosis.error(check->node,
                     "policy `" + policy->name + "` has no check `" + check->text.substr(0, 80) + "`",
                     suggestion(check->text, ids));
  return nullptr;
}

void read_expiry(Diagnosis& diagnosis, const Mapping& mapping, Exception& exception) {
  static const std::regex kDate(R"((\d{4})-(\d{2})-(\d{2}))");
  const auto text = mapping.text("expires", true);
  if (!text) return;
  std::smatch part;
  if (text->text.size() <= 10 && std::regex_match(text->text, part, kDate)) {
    const std::chrono::year_month_day day(std::chrono::year(std::stoi(part[1])),
                                          std::chrono::month(static_cast<unsigned>(std::stoul(part[2]))),
                                          std::chrono::day(static_cast<unsigned>(std::stoul(part[3]))));
    exception.expires = std::chrono::sys_days(day.ok() ? day : std::chrono::year_month_day());
    if (day.ok()) return;
  }
  diagnosis.error(text->node, "`" + text->text.substr(0, 40) + "` is no day", "for example 2026-12-31");
}

std::string read_text(Diagnosis& diagnosis, const Mapping& mapping, const char* key) {
  const auto text = mapping.text(key, true);
  if (!text) return {};
  if (text->text.size() > kMaxText)
    diagnosis.error(text->node, "`" + std::string(key) + "` is at most 4096 bytes");
  return text->text;
}

Exception read_exception(const Reading& at, const YAML::Node& node, const std::string& file) {
  static const std::regex kId("[A-Za-z0-9][A-Za-z0-9._-]*");
  Exception exception;
  exception.file = file;
  exception.line = static_cast<unsigned>(node.Mark().line + 1);
  const std::size_t errors_before = at.diagnosis.count();
  const Mapping mapping(at.diagnosis, node, "an exception",
                        {"id", "policy", "check", "guests", "match", "reason", "owner", "expires"});
  const bool known_keys = at.diagnosis.count() == errors_before;
  if (!node.IsMap()) return exception;
  if (const auto id = mapping.text("id", true)) {
    exception.id = id->text;
    exception.line = static_cast<unsigned>(id->node.Mark().line + 1);
    if (id->text.size() > 64 || !std::regex_match(id->text, kId))
      at.diagnosis.error(id->node, "`" + id->text.substr(0, 64) + "` is no id of an exception",
                         "up to 64 letters, digits, dots, hyphens and underscores: EX-2026-014");
  }
  const Policy* policy = read_subject(at, mapping, exception);
  read_guests(at.diagnosis, mapping, exception);
  read_match(at, mapping, policy, exception);
  // A misspelt `match` is said already.
  if (known_keys && !mapping.has("guests") && !mapping.has("match"))
    at.diagnosis.error(node, "an exception needs `guests` or `match`: this one would silence everything",
                       "if that is meant: guests: {names: \"*\"}");
  exception.reason = read_text(at.diagnosis, mapping, "reason");
  exception.owner = read_text(at.diagnosis, mapping, "owner");
  read_expiry(at.diagnosis, mapping, exception);
  return exception;
}

void read_document(const Reading& at, const YAML::Node& node, const std::string& file,
                   std::vector<Exception>& all) {
  const Mapping document(at.diagnosis, node, "a document of exceptions",
                         {"apiVersion", "kind", "metadata", "spec"});
  if (!node.IsMap()) return;
  document.constant("apiVersion", kApiVersion);
  document.constant("kind", kKind);
  if (document.has("metadata")) {
    const Mapping metadata(at.diagnosis, document.get("metadata"), "metadata", {"name", "description"});
    (void)metadata.text("name");
  }
  const YAML::Node spec = document.get("spec");
  if (!spec.IsDefined() || !spec.IsSequence() || spec.size() == 0 || spec.size() > kMaxExceptions) {
    at.diagnosis.error(document.key_mark("spec"),
                       "a document of exceptions needs `spec`, a list of 1 to 10000 of them");
    return;
  }
  for (const auto& one : spec) all.push_back(read_exception(at, one, file));
}

struct Loaded {
  std::vector<Exception> exceptions;
  std::vector<Diagnostic> errors;
};

/// `all` has those of the files before.
void load_text(const std::string& file, const std::string& text, Known& known, Loaded& all) {
  const SourceText source(file, text);
  Diagnosis diagnosis(source);
  std::vector<Exception> exceptions;
  try {
    const auto documents = YAML::LoadAll(source.text());
    if (documents.empty()) diagnosis.error(YAML::Mark(), "the file holds no exceptions");
    for (const auto& document : documents) read_document({diagnosis, known}, document, file, exceptions);
  } catch (const YAML::Exception& wrong) {
    const bool alias =
        wrong.msg.find("anchor") != std::string::npos || wrong.msg.find("alias") != std::string::npos;
    diagnosis.error(wrong.mark, "this is not YAML: " + wrong.msg,
                    alias ? "a pattern that begins with a star needs quotes: \"*_test\"" : "");
  } catch (const std::exception& wrong) {
    diagnosis.error(YAML::Mark(), std::string("cannot read the file: ") + wrong.what());
  }
  std::vector<Diagnostic> errors = diagnosis.take();
  for (auto& exception : exceptions) {
    const auto same = std::find_if(all.exceptions.begin(), all.exceptions.end(),
                                   [&](const Exception& other) { return other.id == exception.id; });
    if (same != all.exceptions.end() && !exception.id.empty())
      errors.push_back({file, exception.line, 1, "exception `" + exception.id + "` stands twice", "",
                        "the first is in " + same->file + ":" + std::to_string(same->line)});
    all.exceptions.push_back(std::move(exception));
  }
  std::stable_sort(errors.begin(), errors.end(), [](const Diagnostic& a, const Diagnostic& b) {
    return std::pair(a.line, a.column) < std::pair(b.line, b.column);
  });
  for (auto& error : errors) all.errors.push_back(std::move(error));
}

ExceptionSet finish(Loaded all) {
  if (!all.errors.empty()) all.exceptions.clear();
  return ExceptionSet(std::move(all.exceptions), std::move(all.errors));
}

}  // namespace

ExceptionSet load_exceptions(const std::vector<std::string>& paths, const std::vector<Policy>* policies) {
  Loaded all;
  Known known(policies);
  for (const auto& file : read_source_files(paths, all.errors)) load_text(file.file, file.text, known, all);
  return finish(std::move(all));
}

ExceptionSet load_exception_text(const std::string& file, const std::string& text,
                                 const std::vector<Policy>* policies) {
  Loaded all;
  Known known(policies);
  load_text(file, text, known, all);
  return finish(std::move(all));
}

}  // namespace ringside::policies
