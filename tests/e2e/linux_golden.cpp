// SPDX-License-Identifier: Apache-2.0
// Guests that were changed before anybody looked: what a first look says without the vendor's files, and with
// them. And bytes of code that are put back. All modules of scripts/lab/modules are loaded.
//   RINGSIDE_GOLDEN_KERNELS="5.10-cloud 6.12-amd64"   other kernels than the default ones
#include "guest/linux/kernel.h"
#include "guest/live/golden_import.h"
#include "policies/engine/database.h"
#include "policies/engine/evaluator.h"
#include "tests/e2e/support/attached.h"
#include "tests/e2e/support/kernel_test_name.h"
#include "tests/e2e/support/program.h"
#include "tests/e2e/support/rows.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>
#include <optional>
#include <regex>
#include <set>
#include <sstream>

namespace ringside::lab {
namespace {

using guest::Gva;
using guest::live::LiveGuest;
using policies::CheckResult;
using policies::Verdict;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

constexpr std::string_view kInnocent = "cmdline_proc_show";  // runs when somebody reads /proc/cmdline

std::vector<std::string> kernels() {
  const char* chosen = std::getenv("RINGSIDE_GOLDEN_KERNELS");
  std::istringstream words(chosen == nullptr ? "6.1-cloud sid-cloud" : chosen);
  std::vector<std::string> all;
  for (std::string word; words >> word;) all.push_back(word);
  return all;
}

/// One change, made before the first look.
struct Change {
  std::string what, check;
  std::uint64_t gva = 0;
  Bytes before{}, after{};
};

class LinuxGolden : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    Options options;
    options.kernel = GetParam();
    options.ram = Ram::memfd;
    options.smp = 2;
    options.modules = true;
    options.ready_deadline = std::chrono::minutes(6);
    auto booted = Guest::boot(options);
    RINGSIDE_REQUIRE_GUEST(booted);
    guest_ = std::move(*booted);
    const std::string settled = guest_->run("settle 20 1000 && echo settled", std::chrono::minutes(6));
    ASSERT_NE(settled.find("settled"), std::string::npos) << settled;
    loaded_ = guest_->run("cut -d' ' -f1 /proc/modules");
  }

  /// Takes the vendor's kernel and the files of the modules that are loaded.
  void import(const std::string& state) {
    const auto kernel = lab_script({"fetch-kernel", GetParam()}),
               folder = lab_script({"fetch-kernel", "--modules", GetParam()});
    ASSERT_TRUE(kernel && folder);
    std::set<std::string> wanted;
    std::istringstream names(loaded_);
    for (std::string name; names >> name;) wanted.insert(name);
    guest::live::GoldenFiles files(state);
    guest::live::GoldenImport import(files, [](std::string_view) {});
    ASSERT_TRUE(import.take(*kernel));
    for (const auto& file : fs::recursive_directory_iterator(*folder)) {
      std::string name = file.path().filename().string();
      name = name.substr(0, name.find(".ko"));
      std::ranges::replace(name, '-', '_');
      if (!file.is_regular_file() || !wanted.contains(name)) continue;
      ASSERT_TRUE(import.take(file.path().string())) << file.path();
    }
    EXPECT_EQ(import.modules(), wanted.size());
    EXPECT_TRUE(import.problems().empty());
  }

  /// Attaches with a state of its own: as if it had never been seen.
  std::unique_ptr<Attached> attach_with(const std::string& state) {
    auto attached = std::make_unique<Attached>();
    guest::live::AttachOptions options;
    options.endpoint = io::parse_endpoint(guest_->monitor_socket()).value();
    options.state_directory = state;
    auto live = LiveGuest::attach(attached->loop, std::move(options));
    EXPECT_TRUE(live.has_value()) << live.error().message;
    if (!live) return nullptr;
    attached->live = std::move(*live);
    return attached;
  }

  std::string state(const char* name) const { return guest_->folder().file(name); }

  std::unique_ptr<Guest> guest_;
  std::string loaded_;  ///< names of modules
};

std::optional<std::uint64_t> number(const policies::Value& value) {
  const auto* held = std::get_if<std::int64_t>(&value);
  return held == nullptr ? std::nullopt : std::optional(static_cast<std::uint64_t>(*held));
}

/// Finds what to change in a guest whose vendor's files are known.
class Plan {
 public:
  explicit Plan(guest::Snapshot& snapshot)
      : snapshot_(snapshot), database_(policies::Database::create().value()) {
    database_->bind(&snapshot);
  }
  /// Where the first row of `sql` says.
  std::optional<std::uint64_t> place(const std::string& sql) {
    const auto answer = database_->query(sql);
    EXPECT_TRUE(answer.has_value()) << sql << ": " << answer.error().message;
    if (!answer || answer->rows.empty()) return std::nullopt;
    return number(answer->rows[0][0]);
  }
  /// `after` at the address that `sql` gives, `offset` bytes on. Nothing if there is no such place.
  void put(std::string what, std::string check, const std::string& sql, std::uint64_t offset, Bytes after) {
    const auto at = place(sql);
    if (!at) return missing_.push_back(std::move(what));
    add({std::move(what), std::move(check), *at + offset, {}, std::move(after)});
  }
  /// The lowest bit of the byte there.
  void flip(std::string what, std::string check, const std::string& sql, std::uint64_t offset) {
    const auto at = place(sql);
    if (!at) return missing_.push_back(std::move(what));
    Bytes byte = read(*at + offset, 1);
    byte[0] ^= std::byte{1};
    add({std::move(what), std::move(check), *at + offset, {}, std::move(byte)});
  }
  /// A place behind `sql`'s that is 16 bytes away from every place that the kernel patches itself.
  void put_far_from_sites(std::string what, std::string check, const std::string& sql, Bytes after) {
    const auto start = place(sql);
    if (!start) return missing_.push_back(std::move(what));
    const auto sites = database_->query(
        fmt::format("SELECT gva FROM patch_sites WHERE gva BETWEEN {} AND {} ORDER BY gva",
                    static_cast<std::int64_t>(*start), static_cast<std::int64_t>(*start + kFar)));
    ASSERT_TRUE(sites.has_value());
    std::uint64_t at = *start + 8;
    for (const auto& row : sites->rows) {
      const std::uint64_t site = number(row[0]).value_or(0);
      if (site >= at + 16) break;
      at = std::max(at, site + 8);
    }
    add({std::move(what), std::move(check), at, {}, std::move(after)});
  }

  std::vector<Change> changes;
  const std::vector<std::string>& missing() const { return missing_; }
  Bytes read(std::uint64_t at, std::size_t size) {
    Bytes bytes(size);
    auto* kernel = guest::linux::Kernel::of(snapshot_).value();
    EXPECT_TRUE(kernel->space().read(Gva{at}, bytes));
    return bytes;
  }

 private:
  static constexpr std::uint64_t kFar = 4096;
  void add(Change change) {
    change.before = read(change.gva, change.after.size());
    EXPECT_NE(change.before, change.after) << change.what;
    changes.push_back(std::move(change));
  }

  guest::Snapshot& snapshot_;
  std::unique_ptr<policies::Database> database_;
  std::vector<std::string> missing_;
};

void plan_changes(Plan& plan) {
  const Bytes jump = from_hex("e911223344").value();
  const auto boot_place = [](const char* by, const char* more) {
    return fmt::format(
        "SELECT gva FROM kernel_text_changes WHERE source = 'golden' AND explained_by = '{}' AND {} LIMIT 1",
        by, more);
  };
  plan.put_far_from_sites("a jump in the body of a function", "linux-text/kernel-code",
                          fmt::format("SELECT addr('{}')", kInnocent), jump);
  plan.put("a byte of an alternative", "linux-text/kernel-code", boot_place("alternatives", "size = 3"), 1,
           from_hex("f1").value());
  plan.put("a NOP of an alternative that became a jump", "linux-text/kernel-code",
           boot_place("alternatives", "size >= 5 AND actual LIKE '%0f1f%'"), 0, jump);
  plan.put("a return that became a jump", "linux-text/kernel-code",
           boot_place("return thunks", "size = 5 AND actual = 'c3cccccccc'"), 0, jump);
  plan.put_far_from_sites("code of an entry", "linux-text/kernel-code",
                          "SELECT addr('entry_SYSENTER_compat')", from_hex("f1").value());
  plan.flip("a bit of read-only data", "linux-rodata/kernel-rodata", "SELECT addr('hex_asc')", 3);
  plan.flip("a bit of an initial table", "linux-rodata/kernel-rodata", "SELECT addr('sys_call_table')",
            8 * 200);
  plan.put_far_from_sites("code of a module", "linux-text/module-code",
                          "SELECT address FROM module_sections WHERE module = 'bridge' AND section = '.text'",
                          jump);
  plan.put("code behind a module's code", "linux-text/module-code",
           "SELECT base + size - 16 FROM module_regions WHERE module = 'bridge' AND kind = 'text'", 0, jump);
  plan.flip("a bit of a module's read-only data", "linux-rodata/module-rodata",
            "SELECT address FROM module_sections WHERE module = 'bridge' AND section = '.rodata'", 16);
}

/// The writes that make `changes`, or undo them.
std::vector<LiveGuest::PhysicalWrite> writes(const std::vector<Change>& changes, guest::linux::Kernel& kernel,
                                             bool undo) {
  std::vector<LiveGuest::PhysicalWrite> all;
  for (const Change& change : changes) {
    for (std::size_t i = 0; i < change.after.size(); ++i) {  // a byte each: pages end where they like
      const auto gpa = kernel.space().translate(Gva{change.gva + i});
      EXPECT_TRUE(gpa.has_value()) << change.what;
      if (gpa && change.before[i] != change.after[i])
        all.push_back(
            {*gpa, {undo ? change.after[i] : change.before[i]}, {undo ? change.before[i] : change.after[i]}});
    }
  }
  return all;
}

using Verdicts = std::map<std::string, CheckResult>;
/// What the policies about code and read-only data say at a first look.
Verdicts first_look(LiveGuest& live, const std::vector<policies::Policy>& policies) {
  const auto evaluator = policies::Evaluator::create(policies).value();
  const auto snapshot = live.snapshot().value();
  Verdicts verdicts;
  for (auto& result : evaluator->evaluate(*snapshot))
    verdicts.emplace(result.policy->name + "/" + result.check->id, std::move(result));
  return verdicts;
}

std::string cell(const policies::Violation& violation, std::string_view column) {
  for (std::size_t i = 0; i < violation.columns.size(); ++i)
    if (violation.columns[i].name == column)
      if (const auto* text = std::get_if<std::string>(&violation.row[i])) return *text;
  return {};
}
std::uint64_t address(const policies::Violation& violation) {
  for (std::size_t i = 0; i < violation.columns.size(); ++i)
    if (violation.columns[i].name == "gva") return number(violation.row[i]).value_or(0);
  return 0;
}

/// Whether the violation names the change: its place, what stood there, and what stands there now.
bool names(const policies::Violation& violation, const Change& change) {
  const std::uint64_t first = address(violation);
  const auto expected = from_hex(cell(violation, "expected")), actual = from_hex(cell(violation, "actual"));
  if (!expected || !actual || expected->size() != actual->size()) return false;
  for (std::size_t i = 0; i < change.after.size(); ++i) {
    if (change.before[i] == change.after[i]) continue;
    const std::uint64_t at = change.gva + i - first;
    if (at >= actual->size() || (*expected)[at] != change.before[i] || (*actual)[at] != change.after[i])
      return false;
  }
  return true;
}

/// Runs the program on the guest with the state directory `state`.
Finished program(const Guest& guest, const std::string& state, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), RINGSIDE_PROGRAM);
  auto finished = run_program(arguments, {"RINGSIDE_STATE_DIR=" + guest.folder().file(state), "NO_COLOR=1"});
  EXPECT_TRUE(finished.has_value());
  return finished ? *finished : Finished{-1, "", ""};
}

/// With the program alone: the change is made, found, put back by the finding's id, and gone.
void change_and_restore(const Guest& guest, const std::string& state, const Change& change) {
  SCOPED_TRACE(change.what + " with " + state);
  const std::string monitor = guest.monitor_socket(), place = fmt::format("{:#x}", change.gva);
  const std::vector<std::string> look = {"scan", monitor, "--policy", "linux-text", "--confirm", "1s"};
  Finished run = program(guest, state, {"write", monitor, place, to_hex(change.after), "--yes"});
  ASSERT_EQ(run.status, 0) << said(run);
  run = program(guest, state, look);
  ASSERT_EQ(run.status, 3) << said(run);
  std::smatch match;
  ASSERT_TRUE(std::regex_search(run.out, match, std::regex("finding\\s+([0-9a-f]{16})"))) << said(run);
  run = program(
      guest, state,
      {"restore", monitor, "--policy", "linux-text", "--finding", match[1], "--confirm", "1s", "--yes"});
  EXPECT_EQ(run.status, 0) << said(run);
  run = program(guest, state, look);
  EXPECT_EQ(run.status, 0) << said(run);
  run = program(guest, state, {"read", monitor, place, std::to_string(change.before.size()), "--raw"});
  EXPECT_EQ(to_hex(as_bytes(run.out)), to_hex(change.before));
}

TEST_P(LinuxGolden, WhatWasChangedBeforeTheFirstLookIsFound) {
  auto shipped = policies::shipped_policies();
  ASSERT_TRUE(shipped.errors.empty());
  std::erase_if(shipped.policies, [](const auto& policy) {
    return policy.name != "linux-text" && policy.name != "linux-rodata";
  });
  ASSERT_EQ(shipped.policies.size(), 2u);
  ASSERT_NO_FATAL_FAILURE(import(state("vendor")));
  ASSERT_TRUE(guest_->qmp().execute("stop").has_value());

  std::vector<Change> changes;
  {
    const auto attached = attach_with(state("vendor"));
    ASSERT_TRUE(attached);
    const auto healthy = first_look(*attached->live, shipped.policies);
    for (const auto& [check, result] : healthy)
      EXPECT_EQ(result.verdict, Verdict::ok)
          << check << ": "
          << (result.violations.empty() ? testing::PrintToString(result.reasons)
                                        : result.violations[0].message);
    const auto snapshot = attached->live->snapshot().value();
    Plan plan(*snapshot);
    plan_changes(plan);
    for (const auto& what : plan.missing()) std::cout << "  n/a    " << what << '\n';
    EXPECT_LE(plan.missing().size(), 3u);
    changes = plan.changes;
    const auto made =
        attached->live->write(writes(changes, *guest::linux::Kernel::of(*snapshot).value(), false));
    ASSERT_TRUE(made.has_value()) << made.error().message;
  }

  // Nobody has seen this guest before, and nothing was imported: code and data are not known, and that is
  // said.
  const auto attached = attach_with(state("fresh"));
  ASSERT_TRUE(attached);
  auto verdicts = first_look(*attached->live, shipped.policies);
  for (const char* check : {"linux-text/kernel-code", "linux-text/module-code"}) {
    const auto& result = verdicts.at(check);
    EXPECT_EQ(result.verdict, Verdict::unknown) << check;
    ASSERT_FALSE(result.reasons.empty());
    EXPECT_THAT(result.reasons[0], HasSubstr("ringside golden import"));
    EXPECT_THAT(result.reasons[0], HasSubstr("no baseline"));
  }
  EXPECT_EQ(verdicts.at("linux-text/patch-sites").verdict, Verdict::ok);
  EXPECT_EQ(verdicts.at("linux-rodata/kernel-rodata").verdict, Verdict::not_applicable);
  std::cout << "  without the vendor's files: " << verdicts.at("linux-text/kernel-code").reasons[0] << '\n';

  import(state("fresh"));
  verdicts = first_look(*attached->live, shipped.policies);
  for (const Change& change : changes) {
    const auto& found = verdicts.at(change.check).violations;
    const auto same = std::ranges::find_if(found, [&](const auto& one) { return names(one, change); });
    EXPECT_NE(same, found.end()) << change.what
                                 << fmt::format(" at {:#x}, {} of {}", change.gva, change.check,
                                                found.size());
    if (same == found.end()) continue;
    if (change.check.starts_with("linux-text")) {
      EXPECT_EQ(cell(*same, "source"), "golden");
    }
    if (change.check != "linux-rodata/module-rodata" && !change.what.starts_with("code behind")) {
      EXPECT_NE(cell(*same, "symbol"), "") << change.what;
    }
    std::cout << "  found  " << change.what << ": " << same->message << '\n';
  }
  std::size_t findings = 0;
  for (const auto& [check, result] : verdicts) findings += result.violations.size();
  EXPECT_EQ(findings, changes.size());

  {
    const auto snapshot = attached->live->snapshot().value();
    ASSERT_TRUE(attached->live->write(writes(changes, *guest::linux::Kernel::of(*snapshot).value(), true)));
  }
  // All of it is compared, and what was changed at boot is explained to the last byte.
  auto snapshot = attached->live->snapshot().value();
  const auto database = policies::Database::create().value();
  database->bind(snapshot.get());
  for (const char* table : {"kernel_text_changes", "module_text_changes"}) {
    EXPECT_THAT(select(*database, fmt::format("SELECT * FROM {} WHERE explained = 0", table)),
                testing::IsEmpty());
    const Rows counted = select(*database, fmt::format("SELECT count(*), sum(size) FROM {}", table));
    std::cout << fmt::format("  {}: {} changes|bytes, all explained\n", table, counted.at(0));
  }
  EXPECT_THAT(select(*database, "SELECT owner FROM text_references WHERE source IS NOT 'golden'"),
              testing::IsEmpty());
  for (const char* table : {"kernel_rodata_changes", "module_rodata_changes"})
    EXPECT_THAT(select(*database, fmt::format("SELECT * FROM {}", table)), testing::IsEmpty());
  database->bind(nullptr);
  snapshot.reset();
  attached->live.reset();  // a monitor serves one client
  ASSERT_TRUE(guest_->qmp().execute("cont").has_value());

  // Code of nobody's concern while this test runs, and a place that was decided at boot.
  for (const char* what : {"a jump in the body of a function", "a byte of an alternative"}) {
    const auto change = std::ranges::find(changes, what, &Change::what);
    ASSERT_NE(change, changes.end());
    change_and_restore(*guest_, "fresh", *change);
  }
  const Finished saved = program(*guest_, "baselines", {"baseline", "save", guest_->monitor_socket()});
  ASSERT_EQ(saved.status, 0) << said(saved);
  change_and_restore(*guest_, "baselines", changes.front());
  EXPECT_EQ(guest_->run("cat /proc/cmdline >/dev/null && echo alive"), "alive\n");
}

INSTANTIATE_TEST_SUITE_P(Kernels, LinuxGolden, testing::ValuesIn(kernels()), kernel_test_name<std::string>);

}  // namespace
}  // namespace ringside::lab
