// SPDX-License-Identifier: Apache-2.0
#include "tests/e2e/support/file_oracle.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <set>

namespace ringside::lab {
namespace {

/// The octal escapes of /proc (fs/seq_file.c, mangle_path).
std::string unescaped(const std::string& text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::string digits = text.substr(i + (text[i] == '\\'), 3);
    if (text[i] == '\\' && digits.size() == 3 &&
        std::ranges::all_of(digits, [](char c) { return '0' <= c && c <= '7'; })) {
      plain += static_cast<char>(std::strtoul(digits.c_str(), nullptr, 8));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

/// Both have the pipe open through which the shell learns of the answer's size.
std::vector<unsigned> busy(const Oracle& oracle) {
  std::vector<unsigned> pids;
  for (const unsigned pid : oracle.processes())
    if (oracle.text(fmt::format("proc/{}/fd", pid)).find(" -> /answer") != std::string::npos)
      pids.push_back(pid);
  return pids;
}

std::string list(const std::vector<unsigned>& numbers) {
  return fmt::format("({})", fmt::join(numbers, ", "));
}

std::string number(const std::string& hex) {
  return std::to_string(std::strtoull(hex.c_str(), nullptr, 16));
}

/// The rest of a line from word number `index` on, counted from 0.
std::string from_word(const std::string& line, unsigned index) {
  std::size_t at = line.find_first_not_of(' ');
  for (; index > 0 && at != std::string::npos; --index)
    at = line.find_first_not_of(' ', std::min(line.find(' ', at), line.size()));
  return at == std::string::npos ? "" : line.substr(at);
}

}  // namespace

Question open_files_question(const Oracle& oracle) {
  const auto left_out = busy(oracle);
  Question question{
      "open files", "SELECT pid, fd, path FROM process_files WHERE pid NOT IN " + list(left_out), {}};
  for (const unsigned pid : oracle.processes()) {
    if (std::ranges::count(left_out, pid) != 0) continue;
    for (const std::string& line : oracle.lines(fmt::format("proc/{}/fd", pid)))
      if (const auto arrow = line.find(" -> "); arrow != std::string::npos)
        question.answer.push_back(join({std::to_string(pid), line.substr(0, arrow), line.substr(arrow + 4)}));
  }
  return question;
}

Question maps_question(const Oracle& oracle) {
  const auto left_out = busy(oracle);
  Question question{"maps",
                    "SELECT pid, start, \"end\", permissions, offset, device, inode, path FROM process_maps "
                    "WHERE pid NOT IN " +
                        list(left_out),
                    {}};
  for (const unsigned pid : oracle.processes()) {
    if (std::ranges::count(left_out, pid) != 0) continue;
    for (const std::string& line : oracle.lines(fmt::format("proc/{}/maps", pid))) {
      // START-END PERMISSIONS OFFSET MAJOR:MINOR INODE PATH; the page of vsyscalls is no area of the process.
      const auto words = split_words(line);
      if (words.size() < 5 || line.ends_with("[vsyscall]")) continue;
      const auto dash = words[0].find('-');
      const auto colon = words[3].find(':');
      const std::string path = words.size() > 5 ? from_word(line, 5) : "";
      question.answer.push_back(join(
          {std::to_string(pid), number(words[0].substr(0, dash)), number(words[0].substr(dash + 1)), words[1],
           number(words[2]), number(words[3].substr(0, colon)) + ":" + number(words[3].substr(colon + 1)),
           words[4], unescaped(path)}));
    }
  }
  return question;
}

Question mounts_question(const Oracle& oracle) {
  Question question{"mounts", "", {}};
  std::set<std::string> seen;
  for (const unsigned pid : oracle.processes()) {
    // Kernel threads have no program; devtmpfs's lives in a namespace with another root.
    if (oracle.text(fmt::format("proc/{}/exe", pid)).starts_with('!')) continue;
    std::string space;
    for (const std::string& line : oracle.lines(fmt::format("proc/{}/ns", pid)))
      if (line.starts_with("mnt -> mnt:[")) space = line.substr(12, line.size() - 13);
    if (space.empty() || !seen.insert(space).second) continue;
    for (const std::string& line : oracle.lines(fmt::format("proc/{}/mountinfo", pid))) {
      // ID PARENT DEVICE ROOT POINT OPTIONS PROPAGATION... - TYPE SOURCE SUPER_OPTIONS
      const auto words = split_words(line);
      const auto dash = std::ranges::find(words, "-");
      if (words.size() < 9 || words.end() - dash < 4) continue;
      question.answer.push_back(
          join({space, words[0], words[1], words[2], unescaped(words[3]), unescaped(words[4]), words[5],
                fmt::format("{}", fmt::join(words.begin() + 6, dash, " ")), dash[1], unescaped(dash[2])}));
    }
  }
  // From 7.0 on the top of a namespace is an empty file system under the root of all processes: out of
  // /proc's sight.
  question.sql = fmt::format(
      "SELECT namespace, id, parent, device, root, point, options, propagation, filesystem, source FROM "
      "mounts "
      "WHERE namespace IN ({}) AND filesystem <> 'nullfs'",
      fmt::join(seen, ", "));
  return question;
}

}  // namespace ringside::lab
