// SPDX-License-Identifier: Apache-2.0
#include "agent/policies.h"

#include "agent/output/format.h"
#include "agent/output/json.h"
#include "agent/state_directory.h"
#include "policies/engine/spelling.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <filesystem>
#include <ostream>

namespace ringside::agent {

void print_diagnostics(const std::vector<policies::Diagnostic>& diagnostics, Context& context) {
  for (const auto& diagnostic : diagnostics) {
    if (!context.options.json) {
      const std::string text = policies::render(diagnostic, context.error_style().enabled());
      context.err << text << (text.ends_with('\n') ? "" : "\n");
      continue;
    }
    write_line(context.err, {{"diagnostic",
                              {{"file", diagnostic.file},
                               {"line", diagnostic.line},
                               {"column", diagnostic.column},
                               {"message", diagnostic.message},
                               {"source_line", diagnostic.source_line},
                               {"hint", diagnostic.hint}}}});
  }
}

namespace {

/// True if `wanted` names built-in policies, which then stand in `chosen`.
bool choose_shipped(const std::vector<policies::Policy>& shipped, const std::string& wanted,
                    std::vector<policies::Policy>& chosen) {
  bool any = false;
  for (const auto& policy : shipped) {
    if (::fnmatch(wanted.c_str(), policy.name.c_str(), 0) != 0) continue;
    any = true;
    if (std::none_of(chosen.begin(), chosen.end(), [&](const auto& one) { return one.name == policy.name; }))
      chosen.push_back(policy);
  }
  return any;
}

/// Neither a policy nor a file.
Failure no_such_policy(const std::string& wanted, const std::vector<policies::Policy>& shipped) {
  std::vector<std::string> names;
  for (const auto& policy : shipped) names.push_back(policy.name);
  const auto near = policies::closest(wanted, names);
  return Failure({Errc::invalid_argument, fmt::format("there is no policy and no file called {}", wanted),
                  near ? fmt::format("did you mean {}?", *near) : "ringside policy list shows the policies"},
                 Exit::usage);
}

}  // namespace

Attempt<std::vector<policies::Policy>> choose_policies(const std::vector<std::string>& wanted,
                                                       Context& context) {
  policies::PolicySet shipped = policies::shipped_policies();
  std::vector<policies::Diagnostic> errors = shipped.errors;
  std::vector<policies::Policy> chosen;
  std::vector<std::string> paths;
  if (wanted.empty()) chosen = std::move(shipped.policies);
  for (const auto& one : wanted) {
    if (choose_shipped(shipped.policies, one, chosen)) continue;
    std::error_code ignored;
    if (!std::filesystem::exists(one, ignored)) return fail(no_such_policy(one, shipped.policies));
    paths.push_back(one);
  }
  policies::PolicySet loaded = policies::load_policies(paths);
  errors.insert(errors.end(), loaded.errors.begin(), loaded.errors.end());
  for (auto& policy : loaded.policies) {
    if (std::any_of(chosen.begin(), chosen.end(),
                    [&](const auto& other) { return other.name == policy.name; }))
      errors.push_back({policy.file, 1, 1, "policy `" + policy.name + "` is chosen already", "", ""});
    chosen.push_back(std::move(policy));
  }
  if (errors.empty()) return chosen;
  print_diagnostics(errors, context);
  return fail(
      Failure({Errc::invalid_argument, counted(errors.size(), "error") + " in policies; nothing was checked"},
              Exit::usage));
}

Attempt<std::unique_ptr<policies::BaselineStore>> open_baselines() {
  auto state = StateDirectory::open();
  if (!state) return fail(Failure(std::move(state).error(), Exit::internal));
  auto store = policies::BaselineStore::open(state->baselines());
  if (!store) return fail(Failure(std::move(store).error(), Exit::internal));
  return std::move(*store);
}

Attempt<std::optional<policies::Baseline>> load_baseline(const std::string& guest) {
  RINGSIDE_TRY(const auto store, open_baselines());
  auto baseline = store->load(guest);
  if (!baseline) return fail(Failure(std::move(baseline).error(), Exit::internal));
  return std::move(*baseline);
}

Attempt<void> bind_needed_baseline(policies::Database& database, const policies::StatementInfo& info,
                                   const guest::Snapshot& snapshot) {
  const auto compares = [](const std::string& table) {
    return table == "kernel_text_changes" || table == "module_text_changes" || table == "text_references";
  };
  if (info.baseline_tables.empty() && std::none_of(info.tables.begin(), info.tables.end(), compares))
    return {};
  RINGSIDE_TRY(const auto baseline, load_baseline(snapshot.info().key()));
  if (baseline) RINGSIDE_CHECK(database.bind_baseline(&*baseline));
  return {};
}

}  // namespace ringside::agent
