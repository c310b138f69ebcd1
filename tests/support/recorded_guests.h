// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/snapshot.h"
#include "guest/snapshot_file.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace ringside::testing {

/// Real guests, recorded while they stood still (tests/data/linux/README.md): a snapshot of each, and what
/// the guest said of itself at that moment.
inline std::vector<std::string> recorded_guests() {
  std::vector<std::string> keys;
  for (const auto& entry : std::filesystem::directory_iterator(RINGSIDE_SOURCE_DIR "/tests/data/linux"))
    if (entry.path().extension() == ".rsnap") keys.push_back(entry.path().stem());
  std::sort(keys.begin(), keys.end());
  return keys;
}

inline std::string recorded_file(const std::string& key, const std::string& extension) {
  return RINGSIDE_SOURCE_DIR "/tests/data/linux/" + key + extension;
}

/// Throws std::runtime_error if it cannot be loaded: then every test that needs it fails.
inline std::unique_ptr<guest::Snapshot> recorded_snapshot(const std::string& key) {
  auto loaded = guest::load_snapshot(recorded_file(key, ".rsnap"));
  if (!loaded) throw std::runtime_error(key + ": " + loaded.error().message);
  return std::move(*loaded);
}

/// The guest's own words: the lines that start with `what`, without it.
inline std::vector<std::string> recorded_words(const std::string& key, const std::string& what) {
  std::ifstream file(recorded_file(key, ".txt"));
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(what + " ")) lines.push_back(line.substr(what.size() + 1));
  std::sort(lines.begin(), lines.end());
  return lines;
}

/// A key as a test's name.
inline std::string test_name(std::string key) {
  std::replace_if(
      key.begin(), key.end(), [](char c) { return c == '.' || c == '-'; }, '_');
  return key;
}

}  // namespace ringside::testing
