// SPDX-License-Identifier: Apache-2.0
#include "tests/e2e/support/sight.h"

#include <algorithm>

namespace ringside::lab {

Sight look(guest::live::LiveGuest& live) {
  Sight sight;
  const auto snapshot = live.snapshot(guest::live::MsrSource::none);
  if (!snapshot) return sight.error = snapshot.error().within("snapshot"), sight;
  const auto kernel = guest::linux::Kernel::of(**snapshot);
  if (!kernel) return sight.error = kernel.error(), sight;
  sight.identity = (*kernel)->identity();
  sight.symbols = symbols_of(**kernel);
  sight.all_in_user_mode =
      std::ranges::all_of((*snapshot)->kept_cpus(), [](const auto& cpu) { return cpu.cpl == 3; });
  return sight;
}

Sight look(Guest& guest) {
  const auto attached = attach(guest);
  if (attached) return look(*(*attached)->live);
  Sight sight;
  sight.error = attached.error().within("attach");
  return sight;
}

Truth::Truth(Guest& guest) {
  guest.run("echo 0 >/proc/sys/kernel/kptr_restrict");
  release = guest.run("uname -r");
  release.pop_back();
  symbols = parse_kallsyms(guest.fetch("cat /proc/kallsyms"));
}

void expect_right(const Truth& truth, const Sight& sight) {
  ASSERT_FALSE(sight.error.has_value()) << to_string(sight.error->code) << ": " << sight.error->message;
  EXPECT_EQ(sight.identity.release, truth.release);
  const SymbolComparison symbols = compare_symbols(sight.symbols, truth.symbols);
  EXPECT_EQ(symbols.differences, 0u) << symbols.first;
  EXPECT_GT(symbols.compared, 10000u);
}

void expect_clear(const Error& error) {
  EXPECT_TRUE(error.code == Errc::unavailable || error.code == Errc::unsupported ||
              error.code == Errc::mismatch)
      << to_string(error.code) << ": " << error.message;
  EXPECT_GT(error.message.size(), 10u);
  EXPECT_EQ(error.message.find('\n'), std::string::npos) << error.message;
}

}  // namespace ringside::lab
