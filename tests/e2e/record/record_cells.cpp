// SPDX-License-Identifier: Apache-2.0
// Records guests of the matrix for the tests that need no QEMU (tests/data/linux).
//   usage: record_cells FOLDER CELL...              cells as docs/kernel-matrix.md names them, e.g.
//   "6.1-cloud, 5-level"
//          record_cells --objects FOLDER CELL...    guests in which there is one of each thing that policies
//          look at, with
//   the code of the kernel and its modules (tests/data/policies)
#include "guest/snapshot_stream.h"
#include "tests/e2e/support/kernel_matrix.h"
#include "tests/lab/oracle.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <string_view>

namespace ringside::lab {
namespace {

constexpr std::size_t kCommBytes = 15;             // TASK_COMM_LEN - 1
constexpr unsigned long kKernelThread = 0x200000;  // PF_KTHREAD of the flags in /proc/PID/stat

/// "6.1-cloud, pti=on" as a file's name: "6.1-cloud-pti-on".
std::string file_name(const std::string& cell) {
  std::string name;
  for (const char c : cell)
    if (c != ',') name += c == ' ' || c == '=' ? '-' : c;
  return name;
}

/// How many lines of /proc/kallsyms are of the image, and their SHA-256.
std::string symbols_line(const Oracle& oracle) {
  guest::Sha256 digest;
  std::size_t count = 0;
  for (const auto& line : oracle.lines("kallsyms")) {
    if (line.find('[') != std::string::npos) continue;
    digest.add(as_bytes(line + "\n"));
    ++count;
  }
  return fmt::format("symbols {} {}\n", count, to_hex(digest.finish()));
}

std::string module_line(const std::string& line) {
  const auto words = split_words(line);  // name size references users state address
  return fmt::format("module {} {} {}\n", words.at(0), words.at(1), words.at(5));
}

/// pid, parent, real uid, kernel thread or not, comm; empty for one that is left out.
std::string process_line(const Oracle& oracle, unsigned pid) {
  const std::string folder = fmt::format("proc/{}/", pid);
  std::string comm = oracle.text(folder + "comm");
  if (!comm.empty() && comm.back() == '\n') comm.pop_back();
  if (comm.starts_with("kworker")) return {};
  comm = comm.substr(0, kCommBytes);
  std::replace_if(
      comm.begin(), comm.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  std::string uid;
  for (const auto& line : oracle.lines(folder + "status"))
    if (line.starts_with("Uid:")) uid = split_words(line).at(1);
  const std::string stat = oracle.text(folder + "stat");
  // After the name, which may hold anything: state ppid pgrp session tty tpgid flags.
  const auto words = split_words(stat.substr(stat.rfind(')') + 1));
  const bool kernel_thread = (std::strtoul(words.at(6).c_str(), nullptr, 10) & kKernelThread) != 0;
  return fmt::format("process {} {} {} {} {}\n", pid, words.at(1), uid, kernel_thread ? 1 : 0, comm);
}

std::string words_of(Guest& guest, const Oracle& oracle) {
  std::string release = guest.run("uname -r");
  std::string words = "release " + release + symbols_line(oracle) + "cmdline " + oracle.text("cmdline");
  for (const auto& line : oracle.lines("modules")) words += module_line(line);
  for (const unsigned pid : oracle.processes()) words += process_line(oracle, pid);
  return words;
}

std::unique_ptr<Guest> boot(const Cell& cell) {
  auto booted = Guest::boot(cell.options);
  if (!booted) throw std::runtime_error(booted.error().message);
  return std::move(*booted);
}

/// Stops the guest and saves it, with what `tables` touch too.
void save(Guest& guest, const std::string& path, const std::vector<std::string>& tables) {
  if (const auto stopped = guest.qmp().execute("stop"); !stopped)
    throw std::runtime_error(stopped.error().message);
  std::vector<std::string> command{RINGSIDE_PROGRAM, "snapshot", "save", "--small"};
  for (const auto& table : tables) command.push_back("--table=" + table);
  command.insert(command.end(), {guest.monitor_socket(), path + ".rsnap"});
  const auto saved = run_program(command, {"RINGSIDE_STATE_DIR=" + guest.folder().file("state")});
  if (!saved) throw std::runtime_error(saved.error().message);
  constexpr int kIncomplete = 4;  // a table says what this kernel does not tell
  if (saved->status != 0 && saved->status != kIncomplete) throw std::runtime_error(saved->err);
}

void record(const Cell& cell, const std::string& folder) {
  const auto guest = boot(cell);
  guest->run("settle 60 26", std::chrono::minutes(6));
  const Oracle oracle(*guest);
  const std::string words = words_of(*guest, oracle);
  const std::string path = folder + "/" + file_name(cell.name);
  save(*guest, path, {});
  std::ofstream(path + ".txt") << words;
}

/// Few processes and modules: the file is to be small.
void record_objects(const Cell& cell, const std::string& folder) {
  const auto guest = boot(cell);
  const std::string said = guest->run("settle 22 8 && objects && echo all there", std::chrono::minutes(6));
  if (said.find("all there") == std::string::npos) throw std::runtime_error(said);
  save(*guest, folder + "/" + file_name(cell.name),
       {"patch_sites", "kernel_text_changes", "module_text_changes"});
}

}  // namespace
}  // namespace ringside::lab

int main(int count, char** arguments) {
  using namespace ringside::lab;
  const bool objects = count > 1 && std::string_view(arguments[1]) == "--objects";
  if (objects) ++arguments, --count;
  if (count < 3) {
    std::cerr << "usage: record_cells [--objects] FOLDER CELL...\n";
    return 2;
  }
  int failed = 0;
  const auto matrix = kernel_matrix();
  for (int i = 2; i < count; ++i) try {
      const auto cell = std::find_if(matrix.begin(), matrix.end(),
                                     [&](const Cell& one) { return one.name == arguments[i]; });
      if (cell == matrix.end()) throw std::runtime_error("the matrix has no such cell");
      (objects ? record_objects : record)(*cell, arguments[1]);
      std::cout << arguments[i] << ": recorded\n";
    } catch (const std::exception& error) {
      std::cerr << arguments[i] << ": " << error.what() << '\n';
      failed = 1;
    }
  return failed;
}
