// SPDX-License-Identifier: Apache-2.0
// Every kernel on every machine: is it found, and is every one of its symbols what the guest says it is?
//   RINGSIDE_MATRIX=full      all cells, not only each kernel once and the variants of one
//   RINGSIDE_WRITE_MATRIX=1   also writes docs/kernel-matrix.md
#include "tests/e2e/support/attached.h"
#include "tests/e2e/support/kernel_matrix.h"
#include "tests/e2e/support/symbol_oracle.h"
#include "tests/lab/oracle.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <cstdlib>
#include <future>
#include <iostream>
#include <memory>
#include <thread>

namespace ringside::lab {
namespace {

using guest::linux::Kernel;

bool wants_full() {
  const char* value = std::getenv("RINGSIDE_MATRIX");
  return value != nullptr && value == std::string("full");
}

struct Outcome {
  std::string skipped;                ///< why, if it was
  std::vector<std::string> failures;  ///< what was not as it should be
  CellResult result;
};

/// The GNU build id in /sys/kernel/notes (include/uapi/linux/elf.h, Elf64_Nhdr), in hex.
std::string build_id_of(const std::string& notes) {
  const auto word = [&](std::size_t at) {
    std::uint32_t value = 0;
    for (std::size_t i = 4; i-- > 0;) value = value << 8 | static_cast<unsigned char>(notes[at + i]);
    return value;
  };
  for (std::size_t at = 0; at + 12 <= notes.size();) {
    const std::size_t name = word(at), description = word(at + 4);
    const std::size_t start = at + 12 + (name + 3) / 4 * 4;
    if (start + description > notes.size()) break;
    if (word(at + 8) == 3 && notes.compare(at + 12, 4, "GNU", 4) == 0) {
      std::string hex;
      for (std::size_t i = 0; i < description; ++i)
        hex += fmt::format("{:02x}", static_cast<unsigned char>(notes[start + i]));
      return hex;
    }
    at = start + (description + 3) / 4 * 4;
  }
  return "none";
}

std::string without_newline(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

std::string paging_name(guest::x86::PagingMode mode) {
  return std::string(guest::x86::to_string(mode));
}

/// What the kernel's command line is, by the kernel's own variable; empty where that has no symbol (686).
std::string command_line(Kernel& kernel) {
  const auto variable = kernel.find_symbol("saved_command_line");
  if (!variable) return "";
  const auto text = kernel.read_pointer(*variable).and_then(
      [&](guest::Gva start) { return kernel.read_string(start, 4096); });
  return text ? *text : text.error().message;
}

Outcome run_cell(const Cell& cell) {
  Outcome outcome;
  const auto expect_equal = [&](const char* what, const std::string& ours, const std::string& theirs) {
    if (ours != theirs)
      outcome.failures.push_back(fmt::format("{} is '{}' instead of '{}'", what, ours, theirs));
  };
  auto booted = Guest::boot(cell.options);
  if (!booted) {
    if (booted.error().code == Errc::unavailable)
      outcome.skipped = booted.error().message;
    else
      outcome.failures.push_back(booted.error().message);
    return outcome;
  }
  Guest& guest = **booted;
  guest.run("echo 0 >/proc/sys/kernel/kptr_restrict");
  const std::string kallsyms = guest.fetch("cat /proc/kallsyms");

  auto attached = attach(guest);
  if (!attached) {
    outcome.failures.push_back("attach: " + attached.error().message);
    return outcome;
  }
  auto snapshot = (*attached)->live->snapshot(guest::live::MsrSource::none);
  if (!snapshot) {
    outcome.failures.push_back("snapshot: " + snapshot.error().message);
    return outcome;
  }
  const auto start = std::chrono::steady_clock::now();
  const Result<Kernel*> found = Kernel::of(**snapshot);
  outcome.result.discovery_ms =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  if (!found) {
    outcome.failures.push_back("no kernel: " + found.error().message);
    return outcome;
  }
  Kernel& kernel = **found;
  const guest::linux::KernelIdentity& identity = kernel.identity();
  const SymbolComparison symbols = compare_symbols(symbols_of(kernel), parse_kallsyms(kallsyms));
  if (symbols.differences != 0 || symbols.compared < 10000)
    outcome.failures.push_back(fmt::format("symbols: {} differences in {}: {}", symbols.differences,
                                           symbols.compared, symbols.first));

  expect_equal("the release", identity.release, without_newline(guest.run("uname -r")));
  expect_equal("the banner", identity.banner, without_newline(guest.fetch("cat /proc/version")));
  expect_equal("the build id", identity.build_id, build_id_of(guest.fetch("cat /sys/kernel/notes")));
  if (const std::string line = command_line(kernel); !line.empty() || identity.bits == 64)
    expect_equal("the command line", line, without_newline(guest.fetch("cat /proc/cmdline")));
  expect_equal("the number of vCPUs", std::to_string(identity.cpus), std::to_string(cell.options.smp));
  // What is said of isolation may depend on where the vCPUs are; it must never be claimed where there is
  // none.
  const bool isolated = cell.options.append.find("pti=on") != std::string::npos;
  if (identity.isolation && !isolated) outcome.failures.push_back("page-table isolation is claimed");
  const std::string paging = paging_name(identity.root.mode);
  if (identity.bits == 64)
    expect_equal("5-level paging", paging.find('5') != std::string::npos ? "yes" : "no",
                 guest.fetch("cat /proc/cpuinfo").find(" la57") != std::string::npos ? "yes" : "no");

  outcome.result.release = identity.release;
  outcome.result.paging = paging;
  outcome.result.isolation = isolated ? "on" : "off";
  outcome.result.cpus = cell.options.smp;
  outcome.result.memory = cell.options.memory;
  outcome.result.symbols = symbols.compared;
  outcome.result.differences = symbols.differences;
  return outcome;
}

/// Runs the cells that this test program was asked for, two guests at a time, whatever the order of asking.
class Runner {
 public:
  explicit Runner(std::vector<Cell> cells) : cells_(std::move(cells)), outcomes_(cells_.size()) {
    for (unsigned i = 0; i < 2; ++i) workers_.emplace_back([this](std::stop_token stop) { work(stop); });
  }

  Outcome outcome(const std::string& name) {
    for (std::size_t i = 0; i < cells_.size(); ++i)
      if (cells_[i].name == name) return outcomes_[i].get_future().get();
    return {"not among the cells that run", {}, {}};
  }

 private:
  void work(const std::stop_token& stop) {
    for (std::size_t i = next_++; i < cells_.size() && !stop.stop_requested(); i = next_++) {
      try {
        outcomes_[i].set_value(run_cell(cells_[i]));
      } catch (const std::exception& problem) {
        outcomes_[i].set_value({"", {problem.what()}, {}});
      }
    }
  }

  std::vector<Cell> cells_;
  std::vector<std::promise<Outcome>> outcomes_;
  std::atomic<std::size_t> next_ = 0;
  std::vector<std::jthread> workers_;
};

std::string test_name(const std::string& cell) {
  std::string name;
  for (const char c : cell) name += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return name;
}

class KernelMatrix : public testing::TestWithParam<Cell> {
 protected:
  static void SetUpTestSuite() {
    std::vector<Cell> cells;
    const testing::TestSuite& suite = *testing::UnitTest::GetInstance()->current_test_suite();
    for (const Cell& cell : kernel_matrix())
      for (int i = 0; i < suite.total_test_count(); ++i)
        if (const testing::TestInfo& test = *suite.GetTestInfo(i);
            test.should_run() && std::string(test.name()).ends_with("/" + test_name(cell.name)))
          cells.push_back(cell);
    runner = std::make_unique<Runner>(std::move(cells));
  }

  static void TearDownTestSuite() {
    runner.reset();
    if (std::getenv("RINGSIDE_WRITE_MATRIX") != nullptr) write_matrix_table(results);
  }

  static inline std::unique_ptr<Runner> runner;
  static inline std::map<std::string, CellResult> results;
};

TEST_P(KernelMatrix, KernelIsFoundAndEverySymbolIsRight) {
  const Outcome outcome = runner->outcome(GetParam().name);
  if (!outcome.skipped.empty()) GTEST_SKIP() << outcome.skipped;
  for (const std::string& failure : outcome.failures) ADD_FAILURE() << GetParam().name << ": " << failure;
  if (!outcome.failures.empty()) return;
  const CellResult& result = outcome.result;
  std::cout << fmt::format("{}: {}, {} symbols, {} differences, {:.0f} ms\n", GetParam().name, result.release,
                           result.symbols, result.differences, result.discovery_ms);
  results[GetParam().name] = result;
}

std::vector<Cell> selected_cells() {
  std::vector<Cell> cells = kernel_matrix();
  if (!wants_full()) std::erase_if(cells, [](const Cell& cell) { return !cell.by_default; });
  return cells;
}

INSTANTIATE_TEST_SUITE_P(Cells, KernelMatrix, testing::ValuesIn(selected_cells()),
                         [](const auto& test) { return test_name(test.param.name); });

TEST(KernelMatrixTable, ListsEveryCell) {
  if (std::getenv("RINGSIDE_WRITE_MATRIX") != nullptr) GTEST_SKIP() << "it is about to be written";
  const auto rows = read_matrix_table();
  for (const Cell& cell : kernel_matrix())
    EXPECT_TRUE(rows.contains(cell.name)) << "docs/kernel-matrix.md lacks the cell " << cell.name;
}

}  // namespace
}  // namespace ringside::lab
