// SPDX-License-Identifier: Apache-2.0
#include "policies/engine/policy.h"

#include "policies/engine/shipped.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

namespace ringside::policies {

namespace {

constexpr std::uintmax_t kMaxFileBytes = 1u << 20;

/// Joins sets; a name that two policies share is an error at the second.
void join(PolicySet& all, PolicySet more) {
  for (auto& error : more.errors) all.errors.push_back(std::move(error));
  for (auto& policy : more.policies) {
    const auto same = std::find_if(all.policies.begin(), all.policies.end(),
                                   [&](const Policy& p) { return p.name == policy.name; });
    if (same != all.policies.end())
      all.errors.push_back(
          {policy.file, 1, 1, "policy `" + policy.name + "` is also in " + same->file, "", ""});
    else
      all.policies.push_back(std::move(policy));
  }
}

void load_file(PolicySet& all, const std::filesystem::path& path) {
  std::error_code code;
  const auto size = std::filesystem::file_size(path, code);
  if (!code && size > kMaxFileBytes) {
    all.errors.push_back({path.string(), 1, 1, "the file is larger than 1 MiB", "", ""});
    return;
  }
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (code || !file.good()) {
    all.errors.push_back({path.string(), 1, 1, "cannot read the file", "", ""});
    return;
  }
  join(all, load_policy_text(path.string(), text));
}

}  // namespace

std::string_view to_string(Severity severity) {
  switch (severity) {
    case Severity::info:
      return "info";
    case Severity::low:
      return "low";
    case Severity::medium:
      return "medium";
    case Severity::high:
      return "high";
    case Severity::critical:
      return "critical";
  }
  return "?";
}

std::string_view to_string(Mode mode) {
  return mode == Mode::enforce ? "enforce" : "observe";
}

std::string_view to_string(Confirm confirm) {
  switch (confirm) {
    case Confirm::second_look:
      return "second-look";
    case Confirm::paused:
      return "paused";
    case Confirm::window:
      return "window";
    case Confirm::none:
      return "none";
  }
  return "?";
}

PolicySet load_policies(const std::vector<std::string>& paths) {
  PolicySet all;
  for (const auto& path : paths) {
    std::error_code code;
    if (!std::filesystem::is_directory(path, code)) {
      load_file(all, path);
      continue;
    }
    std::vector<std::filesystem::path> files;
    for (std::filesystem::directory_iterator entry(path, code), end; !code && entry != end;
         entry.increment(code))
      if (entry->path().extension() == ".yaml") files.push_back(entry->path());
    std::sort(files.begin(), files.end());
    if (code || files.empty())
      all.errors.push_back(
          {path, 1, 1, code ? "cannot list the folder" : "the folder holds no *.yaml file", "", ""});
    for (const auto& file : files) load_file(all, file);
  }
  return all;
}

PolicySet shipped_policies() {
  PolicySet all;
  for (const auto& file : shipped_files())
    join(all, load_policy_text(std::string(file.name), std::string(file.text)));
  return all;
}

}  // namespace ringside::policies
