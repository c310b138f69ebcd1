// SPDX-License-Identifier: Apache-2.0
#include "tests/e2e/support/kernel_state_oracle.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <set>

namespace ringside::lab {
namespace {

/// /dev/kmsg writes what is not printable ASCII, and the backslash, as \xNN (kernel/printk/printk.c,
/// append_char and msg_add_ext_text).
std::string unescaped(const std::string& text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.compare(i, 2, "\\x") == 0 && i + 3 < text.size()) {
      plain += static_cast<char>(std::strtoul(text.substr(i + 2, 2).c_str(), nullptr, 16));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

/// Names as sysctl(8) spells them: a slash between parts becomes a dot and the other way round.
std::string sysctl_name(std::string path) {
  for (char& c : path) c = c == '/' ? '.' : c == '.' ? '/' : c;
  return path;
}

/// What changes while the guest does nothing but answer.
bool changes(const std::string& name) {
  static const std::set<std::string> kNames = {"fs.dentry-state",
                                               "fs.file-nr",
                                               "fs.inode-nr",
                                               "fs.inode-state",
                                               "kernel.ns_last_pid",
                                               "kernel.pty.nr",
                                               "kernel.random.entropy_avail",
                                               "kernel.random.uuid",
                                               "fs.aio-nr"};
  // The scheduler measures this one (kernel/sched/fair.c).
  return kNames.contains(name) || name.ends_with(".max_newidle_lb_cost");
}

struct Value {
  std::string name, value;
};

std::vector<Value> sysctls(const Oracle& oracle) {
  std::vector<Value> all;
  for (const std::string& line : oracle.lines("sysctl")) {
    if (line.starts_with('\t') && !all.empty()) {
      all.back().value += '\n' + line.substr(1);
      continue;
    }
    const auto equals = line.find(" = ");
    if (equals != std::string::npos)
      all.push_back({sysctl_name(line.substr(0, equals)), line.substr(equals + 3)});
  }
  return all;
}

/// The network namespace of the shell: /proc/sys shows its own.
std::string visible(const Oracle& oracle) {
  for (const std::string& line : oracle.lines("proc/1/ns"))
    if (line.starts_with("net -> net:["))
      return fmt::format("(netns IS NULL OR netns = {})", line.substr(12, line.size() - 13));
  return "1";
}

}  // namespace

Question dmesg_question(const Oracle& oracle) {
  Question question{"dmesg", "", {}};
  std::string last = "0";
  std::string subsystem = "NULL", device = "NULL", row;
  const auto finish = [&] {
    if (!row.empty()) question.answer.push_back(join({row, subsystem, device}));
    subsystem = device = "NULL";
  };
  for (const std::string& line : oracle.lines("kmsg")) {
    if (line.starts_with(" SUBSYSTEM=")) subsystem = line.substr(11);
    if (line.starts_with(" DEVICE=")) device = line.substr(8);
    if (line.starts_with(' ')) continue;
    finish();
    // PRIORITY,SEQUENCE,MICROSECONDS,FLAGS[,...];TEXT
    char* end = nullptr;
    const unsigned long priority = std::strtoul(line.c_str(), &end, 10);
    const unsigned long sequence = std::strtoul(end + 1, &end, 10);
    const unsigned long long time = std::strtoull(end + 1, &end, 10);
    last = std::to_string(sequence);
    row = fmt::format("{}|{}|{}|{}|{}", sequence, time, priority & 7, priority >> 3,
                      unescaped(line.substr(line.find(';') + 1)));
  }
  finish();
  question.sql =
      "SELECT sequence, timestamp / 1000, level, facility, text, subsystem, device FROM dmesg WHERE sequence "
      "<= " +
      last;
  return question;
}

Question sysctl_names_question(const Oracle& oracle) {
  Question question{
      "sysctl names", "SELECT name FROM sysctl WHERE mode & 292 <> 0 AND " + visible(oracle), {}};
  for (const Value& value : sysctls(oracle)) question.answer.push_back(value.name);
  return question;
}

Question sysctl_values_question(const Oracle& oracle, const Rows& known) {
  Question question{
      "sysctl values",
      "SELECT name, value FROM sysctl WHERE value IS NOT NULL AND mode & 292 <> 0 AND " + visible(oracle),
      {}};
  std::string left_out;
  const std::set<std::string> names(known.begin(), known.end());
  for (const Value& value : sysctls(oracle)) {
    if (changes(value.name))
      left_out += (left_out.empty() ? "'" : ", '") + value.name + "'";
    else if (names.contains(value.name))
      question.answer.push_back(join({value.name, value.value}));
  }
  if (!left_out.empty()) question.sql += " AND name NOT IN (" + left_out + ")";
  return question;
}

}  // namespace ringside::lab
