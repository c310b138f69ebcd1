// SPDX-License-Identifier: Apache-2.0
#include "policies/engine/source_files.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace ringside::policies {

namespace {

constexpr std::uintmax_t kMaxFileBytes = 1u << 20;

void read_file(std::vector<SourceFile>& all, const std::filesystem::path& path,
               std::vector<Diagnostic>& errors) {
  std::error_code code;
  const auto size = std::filesystem::file_size(path, code);
  if (!code && size > kMaxFileBytes) {
    errors.push_back({path.string(), 1, 1, "the file is larger than 1 MiB", "", ""});
    return;
  }
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (code || !file.good()) {
    errors.push_back({path.string(), 1, 1, "cannot read the file", "", ""});
    return;
  }
  all.push_back({path.string(), std::move(text)});
}

}  // namespace

std::vector<SourceFile> read_source_files(const std::vector<std::string>& paths,
                                          std::vector<Diagnostic>& errors) {
  std::vector<SourceFile> all;
  for (const auto& path : paths) {
    std::error_code code;
    if (!std::filesystem::is_directory(path, code)) {
      read_file(all, path, errors);
      continue;
    }
    std::vector<std::filesystem::path> files;
    for (std::filesystem::directory_iterator entry(path, code), end; !code && entry != end;
         entry.increment(code))
      if (entry->path().extension() == ".yaml") files.push_back(entry->path());
    std::sort(files.begin(), files.end());
    if (code || files.empty())
      errors.push_back(
          {path, 1, 1, code ? "cannot list the folder" : "the folder holds no *.yaml file", "", ""});
    for (const auto& file : files) read_file(all, file, errors);
  }
  return all;
}

}  // namespace ringside::policies
