// SPDX-License-Identifier: Apache-2.0
#include "agent/config/config.h"

#include "agent/config/config_reader.h"
#include "policies/engine/source_text.h"

#include <fnmatch.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace ringside::agent {

namespace {

constexpr std::uintmax_t kMaxFile = 1u << 20;

/// The whole file, or why it cannot be read.
Result<std::string> read_file(const std::string& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  if (error) return fail(Errc::io, path + ": " + error.message());
  if (size > kMaxFile) return fail(Errc::oversized, path + ": larger than 1 MiB");
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) {
    if (size == 0 && file) return std::string();
    return fail(Errc::permission, path + ": " + std::strerror(errno));
  }
  return text.str();
}

}  // namespace

std::vector<policies::Diagnostic> read_config(const std::string& file, const std::string& text,
                                              Config& config) {
  const policies::SourceText source(file, text);
  policies::Diagnosis diagnosis(source);
  try {
    const YAML::Node document = YAML::Load(text);
    if (!document.IsNull()) ConfigReader(diagnosis, config).read(document);
  } catch (const YAML::Exception& error) {
    diagnosis.error(error.mark, error.msg);
  }
  return diagnosis.take();
}

ConfigResult load_config(const std::string& file, bool must_exist) {
  ConfigResult result;
  std::vector<std::string> files;
  std::error_code ignored;
  if (must_exist || std::filesystem::exists(file, ignored)) files.push_back(file);
  const auto more = std::filesystem::path(file).parent_path() / "conf.d";
  std::vector<std::string> parts;
  for (std::filesystem::directory_iterator it(more, ignored), end; it != end; it.increment(ignored))
    if (it->path().extension() == ".yaml") parts.push_back(it->path().string());
  std::sort(parts.begin(), parts.end());
  files.insert(files.end(), parts.begin(), parts.end());
  for (const auto& one : files) {
    const auto text = read_file(one);
    if (!text) {
      result.errors.push_back({one, 0, 0, text.error().message, "", ""});
      continue;
    }
    auto errors = read_config(one, *text, result.config);
    result.errors.insert(result.errors.end(), errors.begin(), errors.end());
    result.files.push_back(one);
  }
  return result;
}

bool matches_guest(const std::vector<std::string>& patterns, const std::string& name,
                   const std::string& uuid) {
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
    return (!uuid.empty() && pattern == uuid) || ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
  });
}

}  // namespace ringside::agent
