// SPDX-License-Identifier: Apache-2.0
#include "policies/exceptions/exception_set.h"

#include "base/bytes.h"
#include "policies/engine/spelling.h"

#include <fmt/format.h>

#include <algorithm>

namespace ringside::policies {

namespace {

constexpr std::size_t kShownValue = 80, kShownPatterns = 5;

std::string listed(const std::vector<Pattern>& patterns) {
  std::string all;
  for (std::size_t i = 0; i < std::min(patterns.size(), kShownPatterns); ++i)
    all += fmt::format("{}`{}`", i == 0 ? "" : ", ", patterns[i].text());
  if (patterns.size() > kShownPatterns) all += fmt::format(" and {} more", patterns.size() - kShownPatterns);
  return all;
}

std::string quoted(std::string_view text) {
  return text.size() > kShownValue ? fmt::format("`{}...`", text.substr(0, kShownValue))
                                   : fmt::format("`{}`", text);
}

std::string shown(const Value& value, ColumnType type) {
  if (const auto* text = std::get_if<std::string>(&value)) return quoted(*text);
  const auto* number = std::get_if<std::int64_t>(&value);
  if (number == nullptr) return "NULL";
  if (type == ColumnType::boolean) return *number != 0 ? "true" : "false";
  return type == ColumnType::address ? hex_address(static_cast<std::uint64_t>(*number))
                                     : std::to_string(*number);
}

/// Says why an exception does not match. Words cost, and most exceptions are asked often and match seldom:
/// without a list it stops at the first condition that does not hold.
class Trial {
 public:
  Trial(const Exception& exception, const ExceptionQuestion& question, std::vector<std::string>* why_not)
      : exception_(exception), question_(question), why_not_(why_not) {}

  bool matches() {
    for (const auto condition : {&Trial::about_check, &Trial::about_time, &Trial::about_name,
                                 &Trial::about_uuid, &Trial::about_labels, &Trial::about_columns}) {
      (this->*condition)();
      if (!holds_ && why_not_ == nullptr) return false;
    }
    return holds_;
  }

 private:
  template <class Words>
  void no(Words words) {
    holds_ = false;
    if (why_not_ != nullptr) why_not_->push_back(words());
  }
  static bool any(const std::vector<Pattern>& patterns, std::string_view text) {
    return std::any_of(patterns.begin(), patterns.end(), [&](const Pattern& p) { return p.matches(text); });
  }

  void about_check() {
    if (!exception_.check.empty() && exception_.check != question_.check)
      no([&] {
        return fmt::format("it is for check `{}`, not for `{}`", exception_.check, question_.check);
      });
  }
  void about_time() {
    if (exception_.expired(question_.now))
      no([&] {
        const std::chrono::year_month_day day(exception_.expires);
        return fmt::format("it expired: its last day was {:04}-{:02}-{:02}", static_cast<int>(day.year()),
                           static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()));
      });
  }
  void about_name() {
    const std::string& name = question_.guest.name;
    if (exception_.names.empty() || any(exception_.names, name)) return;
    no([&] {
      return name.empty()
                 ? fmt::format("the guest has no name; it would have to be {}", listed(exception_.names))
                 : fmt::format("the guest's name is {}, not {}", quoted(name), listed(exception_.names));
    });
  }
  void about_uuid() {
    const auto& wanted = exception_.uuids;
    if (wanted.empty()) return;
    std::string uuid = question_.guest.uuid;
    std::transform(uuid.begin(), uuid.end(), uuid.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    if (std::find(wanted.begin(), wanted.end(), uuid) != wanted.end()) return;
    no([&] {
      return uuid.empty() ? std::string("the guest has no UUID")
                          : fmt::format("the guest's UUID is {}, none that it names", quoted(uuid));
    });
  }
  void about_labels() {
    for (const auto& [key, patterns] : exception_.labels) {
      const auto label = question_.guest.labels.find(key);
      if (label == question_.guest.labels.end())
        no([&, &key = key] { return fmt::format("the guest has no label `{}`", key); });
      else if (!any(patterns, label->second))
        no([&, &key = key, &patterns = patterns] {
          return fmt::format("the guest's label `{}` is {}, not {}", key, quoted(label->second),
                             listed(patterns));
        });
    }
  }
  void about_columns() {
    for (const auto& [name, patterns] : exception_.match) {
      const auto& columns = question_.columns;
      const auto column = std::find_if(columns.begin(), columns.end(),
                                       [&, &name = name](const auto& c) { return c.name == name; });
      const auto place = static_cast<std::size_t>(column - columns.begin());
      if (place >= columns.size() || place >= question_.row.size()) {
        no([&, &name = name] { return no_column(name); });
        continue;
      }
      const Value& value = question_.row[place];
      if (std::any_of(patterns.begin(), patterns.end(),
                      [&](const Pattern& pattern) { return pattern.matches(value, column->type); }))
        continue;
      no([&, &name = name, &patterns = patterns] {
        return fmt::format("column `{}` is {}, not {}", name, shown(value, column->type), listed(patterns));
      });
    }
  }
  std::string no_column(const std::string& name) const {
    std::vector<std::string> names;
    for (const auto& column : question_.columns) names.push_back(column.name);
    const auto near = closest(name, names);
    return fmt::format("what was found has no column `{}`{}", name,
                       near ? fmt::format(" (did you mean `{}`?)", *near) : "");
  }

  const Exception& exception_;
  const ExceptionQuestion& question_;
  std::vector<std::string>* why_not_;
  bool holds_ = true;
};

}  // namespace

ExceptionSet::ExceptionSet(std::vector<Exception> exceptions, std::vector<Diagnostic> errors)
    : exceptions_(std::move(exceptions)),
      errors_(std::move(errors)),
      used_(std::make_unique<std::atomic<bool>[]>(exceptions_.size())) {}

const Exception* ExceptionSet::match(const ExceptionQuestion& question) const {
  const Exception* first = nullptr;
  for (std::size_t i = 0; i < exceptions_.size(); ++i) {
    const Exception& exception = exceptions_[i];
    if (exception.policy != question.policy || !Trial(exception, question, nullptr).matches()) continue;
    used_[i].store(true, std::memory_order_relaxed);
    if (first == nullptr) first = &exception;
  }
  return first;
}

std::vector<ExceptionSet::Trace> ExceptionSet::explain(const ExceptionQuestion& question) const {
  std::vector<Trace> traces;
  for (const Exception& exception : exceptions_) {
    if (exception.policy != question.policy) continue;
    Trace trace{&exception, {}};
    (void)Trial(exception, question, &trace.why_not).matches();
    traces.push_back(std::move(trace));
  }
  return traces;
}

std::vector<const Exception*> ExceptionSet::expired(
    std::chrono::sys_time<std::chrono::microseconds> now) const {
  std::vector<const Exception*> all;
  for (const Exception& exception : exceptions_)
    if (exception.expired(now)) all.push_back(&exception);
  return all;
}

std::vector<const Exception*> ExceptionSet::unused() const {
  std::vector<const Exception*> all;
  for (std::size_t i = 0; i < exceptions_.size(); ++i)
    if (!used_[i].load(std::memory_order_relaxed)) all.push_back(&exceptions_[i]);
  return all;
}

void ExceptionSet::carry_uses(const ExceptionSet& before) {
  for (std::size_t old = 0; old < before.exceptions_.size(); ++old) {
    if (!before.used_[old].load(std::memory_order_relaxed)) continue;
    for (std::size_t i = 0; i < exceptions_.size(); ++i)
      if (exceptions_[i].id == before.exceptions_[old].id) used_[i].store(true, std::memory_order_relaxed);
  }
}

void ExceptionSet::count_as_used(const std::set<std::string>& ids) {
  for (std::size_t i = 0; i < exceptions_.size(); ++i)
    if (ids.contains(exceptions_[i].id)) used_[i].store(true, std::memory_order_relaxed);
}

}  // namespace ringside::policies
