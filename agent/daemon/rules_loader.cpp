// SPDX-License-Identifier: Apache-2.0
#include "agent/daemon/rules_loader.h"

#include <fmt/format.h>
#include <fnmatch.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

namespace ringside::agent {

namespace {

void choose_built_in(const Config& config, Rules& rules, std::vector<policies::Diagnostic>& errors) {
  auto shipped = policies::shipped_policies();
  errors.insert(errors.end(), shipped.errors.begin(), shipped.errors.end());
  for (const auto& pattern : config.policies.built_in) {
    bool any = false;
    for (const auto& policy : shipped.policies) {
      if (::fnmatch(pattern.c_str(), policy.name.c_str(), 0) != 0) continue;
      any = true;
      if (std::none_of(rules.policies.begin(), rules.policies.end(),
                       [&](const auto& one) { return one.name == policy.name; }))
        rules.policies.push_back(policy);
    }
    if (!any)
      errors.push_back({"policies.builtIn", 0, 0, "no built-in policy is called `" + pattern + "`", "",
                        "ringside policy list shows them"});
  }
}

void stamp(std::string& out, const std::filesystem::path& path) {
  struct stat about {};
  if (::stat(path.c_str(), &about) == 0)
    out += fmt::format("{} {} {} {}.{}\n", path.string(), about.st_ino, about.st_size, about.st_mtim.tv_sec,
                       about.st_mtim.tv_nsec);
}

}  // namespace

std::vector<std::string> without_empty(const std::vector<std::string>& paths, std::string_view may_be_missing,
                                       std::string_view what, std::vector<std::string>& notes) {
  std::vector<std::string> all;
  for (const auto& path : paths) {
    std::error_code code;
    const auto status = std::filesystem::status(path, code);
    if (path == may_be_missing && status.type() == std::filesystem::file_type::not_found) {
      notes.push_back(fmt::format("{} is not there: no {} of your own", path, what));
      continue;
    }
    bool any = status.type() != std::filesystem::file_type::directory;
    if (!any) {
      for (std::filesystem::directory_iterator entry(path, code), end; !code && entry != end;
           entry.increment(code))
        any = any || entry->path().extension() == ".yaml";
      any = any || code;  // one that cannot be listed is an error, and not empty
      if (!any) notes.push_back(fmt::format("no {} in {}", what, path));
    }
    if (any) all.push_back(path);
  }
  return all;
}

LoadedRules load_rules(const std::string& config_file, bool must_exist) {
  LoadedRules loaded;
  auto read = load_config(config_file, must_exist);
  loaded.errors = std::move(read.errors);
  loaded.files = std::move(read.files);
  loaded.files.push_back((std::filesystem::path(config_file).parent_path() / "conf.d").string());
  auto rules = std::make_shared<Rules>();
  rules->config = std::move(read.config);
  if (!loaded.errors.empty()) return loaded;
  choose_built_in(rules->config, *rules, loaded.errors);
  const auto& paths = rules->config.policies.paths;
  auto own = policies::load_policies(without_empty(paths, kOwnPolicies, "policy", loaded.notes));
  loaded.files.insert(loaded.files.end(), paths.begin(), paths.end());
  loaded.errors.insert(loaded.errors.end(), own.errors.begin(), own.errors.end());
  for (auto& policy : own.policies) {
    if (std::any_of(rules->policies.begin(), rules->policies.end(),
                    [&](const auto& other) { return other.name == policy.name; }))
      loaded.errors.push_back({policy.file, 1, 1, "there is a policy `" + policy.name + "` already", "",
                               "to replace a built-in policy leave it out under policies.builtIn"});
    rules->policies.push_back(std::move(policy));
  }
  const auto& exceptions = rules->config.policies.exceptions;
  rules->exceptions = policies::load_exceptions(
      without_empty(exceptions, kOwnExceptions, "exception", loaded.notes), &rules->policies);
  loaded.files.insert(loaded.files.end(), exceptions.begin(), exceptions.end());
  loaded.errors.insert(loaded.errors.end(), rules->exceptions.errors().begin(),
                       rules->exceptions.errors().end());
  if (loaded.errors.empty()) loaded.rules = std::move(rules);
  return loaded;
}

std::string fingerprint_of(const std::vector<std::string>& files) {
  std::string out;
  for (const auto& file : files) {
    stamp(out, file);
    std::error_code ignored;
    std::vector<std::filesystem::path> inside;
    for (std::filesystem::directory_iterator it(file, ignored), end; it != end; it.increment(ignored))
      inside.push_back(it->path());
    std::sort(inside.begin(), inside.end());
    for (const auto& path : inside) stamp(out, path);
  }
  return out;
}

}  // namespace ringside::agent
