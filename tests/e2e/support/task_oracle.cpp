// SPDX-License-Identifier: Apache-2.0
#include "tests/e2e/support/task_oracle.h"

#include <fmt/format.h>

#include <cstdlib>
#include <map>

namespace ringside::lab {
namespace {

/// /proc/PID/stat and status of one task (Documentation/filesystems/proc.rst, tables 1-2 and 1-4).
class TaskFiles {
 public:
  TaskFiles(const Oracle& oracle, const std::string& folder) : oracle_(oracle), folder_(folder) {
    const std::string stat = oracle.text(folder + "/stat");
    // The name may hold anything, parentheses too.
    const auto name_end = stat.rfind(')');
    if (name_end != std::string::npos) stat_ = split_words(stat.substr(name_end + 1));
    for (const std::string& line : oracle.lines(folder + "/status"))
      if (const auto colon = line.find(':'); colon != std::string::npos)
        status_[line.substr(0, colon)] = split_words(line.substr(colon + 1));
    comm_ = oracle.text(folder + "/comm");
    if (!comm_.empty()) comm_.pop_back();
  }

  const std::string& comm() const { return comm_; }
  bool is_worker() const { return comm_.starts_with("kworker/"); }
  bool is_kernel_thread() const { return (std::stoul(stat(9)) & 0x200000) != 0; }  // PF_KTHREAD
  /// Field `number` of stat as proc.rst counts them; from the third on.
  std::string stat(std::size_t number) const {
    return number >= 3 && number - 3 < stat_.size() ? stat_[number - 3] : "0";
  }
  const std::vector<std::string>& status(const std::string& key) { return status_[key]; }
  std::string status(const std::string& key, std::size_t word) {
    const auto& words = status_[key];
    return word < words.size() ? words[word] : "NULL";
  }
  std::string capability(const std::string& key) {
    return std::to_string(static_cast<std::int64_t>(std::strtoull(status(key, 0).c_str(), nullptr, 16)));
  }

  /// uid|euid|suid|fsuid, the same of gid, groups, five sets of capabilities, own_pid, pid_level, nice,
  /// priority.
  std::vector<std::string> common() {
    std::vector<std::string> cells;
    for (const char* ids : {"Uid", "Gid"})
      for (std::size_t i = 0; i < 4; ++i) cells.push_back(status(ids, i));
    cells.push_back(std::to_string(status("Groups").size()));
    for (const char* set : {"CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb"})
      cells.push_back(capability(set));
    const auto& pids = status("NSpid");
    cells.push_back(pids.empty() ? "NULL" : pids.back());
    cells.push_back(std::to_string(pids.size() - 1));
    cells.push_back(stat(19));
    cells.push_back(stat(18));
    return cells;
  }

  /// Inode numbers of the namespaces in `order`; NULL for what a zombie has no longer.
  std::vector<std::string> namespaces(std::initializer_list<const char*> order) const {
    std::map<std::string, std::string> links;
    for (const std::string& line : oracle_.lines(folder_ + "/ns")) {
      const auto words = split_words(line);
      if (words.size() != 3) continue;
      const auto bracket = words[2].find('[');
      if (bracket != std::string::npos)
        links[words[0]] = words[2].substr(bracket + 1, words[2].size() - bracket - 2);
    }
    std::vector<std::string> cells;
    for (const char* name : order) cells.push_back(links.contains(name) ? links[name] : "NULL");
    return cells;
  }

 private:
  const Oracle& oracle_;
  std::string folder_, comm_;
  std::vector<std::string> stat_;
  std::map<std::string, std::vector<std::string>> status_;
};

constexpr const char* kCommonColumns =
    "uid, euid, suid, fsuid, gid, egid, sgid, fsgid, groups, cap_effective, cap_permitted, cap_inheritable, "
    "cap_bounding, cap_ambient, own_pid, pid_level, nice, priority";
/// Ticks of 1/100 s, as /proc/PID/stat has them.
constexpr const char* kStart = "start_boottime / 10000000";

std::string number(bool value) {
  return value ? "1" : "0";
}

/// `lab capture` runs while it looks; it sleeps afterwards.
std::string state_of(const TaskFiles& task) {
  return task.comm() == "lab-capture" || task.is_kernel_thread() ? "-" : task.stat(3);
}
constexpr const char* kState = "CASE WHEN comm = 'lab-capture' OR kernel_thread THEN '-' ELSE state END";

}  // namespace

Question processes_question(const Oracle& oracle) {
  Question question;
  question.what = "processes";
  question.sql = fmt::format(
      "SELECT pid, ppid, name, kernel_thread, {}, threads, pgrp, session, {}, {}, pid_ns, net_ns, mnt_ns, "
      "uts_ns, ipc_ns, "
      "cgroup_ns, time_ns, user_ns, CASE comm WHEN 'lab-capture' THEN '-' ELSE ifnull(total_vm / 1024, 0) "
      "END "
      "FROM processes WHERE comm NOT LIKE 'kworker/%'",
      kState, kStart, kCommonColumns);
  for (const unsigned pid : oracle.processes()) {
    TaskFiles task(oracle, fmt::format("proc/{}", pid));
    if (task.is_worker()) continue;
    std::vector<std::string> cells = {
        std::to_string(pid), task.stat(4),  task.comm(),  number(task.is_kernel_thread()),
        state_of(task),      task.stat(20), task.stat(5), task.stat(6),
        task.stat(22)};
    for (auto& cell : task.common()) cells.push_back(std::move(cell));
    for (auto& cell : task.namespaces({"pid", "net", "mnt", "uts", "ipc", "cgroup", "time", "user"}))
      cells.push_back(std::move(cell));
    cells.push_back(task.comm() == "lab-capture" ? "-" : std::to_string(std::stoull(task.stat(23)) / 1024));
    question.answer.push_back(join(cells));
  }
  return question;
}

Question threads_question(const Oracle& oracle) {
  Question question;
  question.what = "threads";
  question.sql = fmt::format(
      "SELECT tid, pid, ppid, name, kernel_thread, {}, {}, {} FROM threads WHERE comm NOT LIKE 'kworker/%'",
      kState, kStart, kCommonColumns);
  for (const unsigned pid : oracle.processes()) {
    for (const unsigned tid : oracle.threads(pid)) {
      TaskFiles task(oracle, fmt::format("proc/{}/task/{}", pid, tid));
      if (task.is_worker()) continue;
      std::vector<std::string> cells = {std::to_string(tid),
                                        std::to_string(pid),
                                        task.stat(4),
                                        task.comm(),
                                        number(task.is_kernel_thread()),
                                        state_of(task),
                                        task.stat(22)};
      for (auto& cell : task.common()) cells.push_back(std::move(cell));
      question.answer.push_back(join(cells));
    }
  }
  return question;
}

}  // namespace ringside::lab
