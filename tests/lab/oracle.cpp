// SPDX-License-Identifier: Apache-2.0
#include "tests/lab/oracle.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace ringside::lab {

Oracle::Oracle(Guest& guest, std::chrono::milliseconds deadline) {
  // It stays, so it runs in the background; the shell itself waits for its answer, without a process that
  // comes and goes.
  const std::string said = guest.run(
      "mkfifo /answer; (lab capture /dev/vda stay </dev/null >/answer 2>&1 &); read answer </answer; echo "
      "$answer",
      deadline);
  std::size_t size = 0;
  if (std::sscanf(said.c_str(), "%zu", &size) != 1) throw std::runtime_error("lab capture: " + said);
  const std::string archive = folder_.file("oracle.tar");
  std::filesystem::copy_file(guest.disk(), archive);
  std::filesystem::resize_file(archive, size);
  const auto unpacked = run_program({"tar", "-x", "-f", archive, "-C", folder_.path()});
  if (!unpacked || unpacked->status != 0)
    throw std::runtime_error("tar: " + (unpacked ? unpacked->err : unpacked.error().message));
}

std::string Oracle::text(const std::string& name) const {
  std::ostringstream text;
  std::ifstream file(folder_.file(name), std::ios::binary);
  if (file.peek() != std::ifstream::traits_type::eof()) text << file.rdbuf();
  return text.str();
}

std::vector<std::string> Oracle::lines(const std::string& name) const {
  return split_lines(text(name));
}

std::vector<unsigned> Oracle::numbers(const std::string& folder) const {
  std::vector<unsigned> found;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder_.file(folder), ignored)) {
    const std::string name = entry.path().filename();
    unsigned number = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (error == std::errc{} && end == name.data() + name.size()) found.push_back(number);
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::vector<unsigned> Oracle::processes() const {
  return numbers("proc");
}

std::vector<unsigned> Oracle::threads(unsigned process) const {
  return numbers(fmt::format("proc/{}/task", process));
}

std::vector<std::string> split_lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(std::move(line));
  return lines;
}

std::vector<std::string> split_words(const std::string& line) {
  std::vector<std::string> words;
  std::istringstream stream(line);
  for (std::string word; stream >> word;) words.push_back(std::move(word));
  return words;
}

}  // namespace ringside::lab
