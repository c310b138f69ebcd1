// SPDX-License-Identifier: Apache-2.0
#include "agent/policies.h"

#include "agent/output/format.h"
#include "agent/output/json.h"
#include "agent/state_directory.h"

#include <algorithm>
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

Attempt<std::vector<policies::Policy>> choose_policies(const std::vector<std::string>& paths,
                                                       Context& context) {
  policies::PolicySet set = paths.empty() ? policies::shipped_policies() : policies::load_policies(paths);
  if (set.errors.empty()) return std::move(set.policies);
  print_diagnostics(set.errors, context);
  return fail(Failure(
      {Errc::invalid_argument, counted(set.errors.size(), "error") + " in policies; nothing was checked"},
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
