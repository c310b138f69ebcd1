// SPDX-License-Identifier: Apache-2.0
// The Linux layer on recorded guests, held against what these guests said of themselves.
#include "guest/linux/kernel.h"
#include "guest/linux/modules.h"
#include "guest/linux/tasks.h"
#include "tests/support/recorded_guests.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace ringside::guest::linux {
namespace {

/// Names may hold anything; lines of the recorded words hold it as question marks.
std::string plain(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return text;
}

/// What only one of two sorted lists holds: "-line" of the guest's own words, "+line" of ours.
std::vector<std::string> differences(const std::vector<std::string>& theirs,
                                     const std::vector<std::string>& ours) {
  std::vector<std::string> all;
  for (const auto& line : theirs)
    if (!std::binary_search(ours.begin(), ours.end(), line)) all.push_back("-" + line);
  for (const auto& line : ours)
    if (!std::binary_search(theirs.begin(), theirs.end(), line)) all.push_back("+" + line);
  return all;
}

class Recorded : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    snapshot_ = testing::recorded_snapshot(GetParam());
    const auto found = Kernel::of(*snapshot_);
    ASSERT_TRUE(found.has_value()) << found.error().message;
    kernel_ = *found;
  }
  bool is_32_bit() const { return GetParam().find("686") != std::string::npos; }

  std::unique_ptr<Snapshot> snapshot_;
  Kernel* kernel_ = nullptr;
};

TEST_P(Recorded, TheKernelIsTheOneThatRan) {
  const auto& identity = kernel_->identity();
  EXPECT_EQ(testing::recorded_words(GetParam(), "release"), std::vector<std::string>{identity.release});
  EXPECT_NE(identity.banner.find(" #1 SMP "), std::string::npos) << identity.banner;
  EXPECT_EQ(identity.build_id.size(), 40u);
  EXPECT_EQ(identity.bits, is_32_bit() ? 32u : 64u);
  for (const auto& step : kernel_->explanation())
    EXPECT_EQ(step.find("CONTRADICTION"), std::string::npos) << step;
}

TEST_P(Recorded, EverySymbolIsWhatTheGuestSaid) {
  Sha256 digest;
  const auto& symbols = kernel_->symbols();
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    const Symbol symbol = symbols.symbol(i, kernel_->slide());
    digest.add(as_bytes(
        is_32_bit() ? fmt::format("{:08x} {} {}\n", symbol.address.value, symbol.type, symbol.name)
                    : fmt::format("{:016x} {} {}\n", symbol.address.value, symbol.type, symbol.name)));
  }
  EXPECT_EQ(testing::recorded_words(GetParam(), "symbols"),
            std::vector<std::string>{fmt::format("{} {}", symbols.size(), to_hex(digest.finish()))});
}

TEST_P(Recorded, TheProcessesAreThoseOfProc) {
  std::vector<std::string> seen;
  const auto listing = tasks(*kernel_, {TaskParts::parent | TaskParts::credentials, {}});
  for (const auto& task : listing.entries)
    if (!task.comm.starts_with("kworker"))
      seen.push_back(
          fmt::format("{} {} {} {} {}", task.pid, task.ppid.value_or(-1),
                      task.credentials ? static_cast<long>(task.credentials->uid.value_or(~0u)) : -1,
                      task.kernel_thread() ? 1 : 0, plain(task.comm)));
  std::sort(seen.begin(), seen.end());
  // The shell that waits for the recorder may have started another `sleep` in between.
  const auto without_sleep = [](std::vector<std::string> lines) {
    std::erase_if(lines, [](const std::string& line) { return line.ends_with(" sleep"); });
    return lines;
  };
  EXPECT_EQ(differences(without_sleep(testing::recorded_words(GetParam(), "process")), without_sleep(seen)),
            std::vector<std::string>{});
}

TEST_P(Recorded, TheModulesAreThoseOfProc) {
  std::vector<std::string> seen;
  for (const auto& module : modules(*kernel_).entries)
    seen.push_back(fmt::format("{} {} {}", module.name, module.size.value_or(0),
                               is_32_bit() ? fmt::format("0x{:08x}", module.base.value_or(Gva{0}).value)
                                           : hex_address(module.base.value_or(Gva{0}).value)));
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(differences(testing::recorded_words(GetParam(), "module"), seen), std::vector<std::string>{});
}

INSTANTIATE_TEST_SUITE_P(Guests, Recorded, ::testing::ValuesIn(testing::recorded_guests()),
                         [](const auto& guest) { return testing::test_name(guest.param); });

}  // namespace
}  // namespace ringside::guest::linux
