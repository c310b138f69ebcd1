// SPDX-License-Identifier: Apache-2.0
#include "agent/baseline_taking.h"

#include "agent/log.h"
#include "agent/machine_facts.h"
#include "policies/engine/boot_record.h"

#include <algorithm>

namespace ringside::agent {

using policies::Baseline;

namespace {

Result<Baseline> take_tables(guest::live::LiveGuest& guest, guest::live::MsrSource msrs, Pauses* pauses) {
  static constexpr int kTries = 3;
  for (int i = 0; i < kTries; ++i) {
    RINGSIDE_TRY(auto snapshot, guest.snapshot(msrs));
    RINGSIDE_TRY(Baseline baseline, policies::take_baseline(*snapshot));
    if (snapshot->info().status != "running") return baseline;
    RINGSIDE_TRY(snapshot, guest.snapshot(msrs));
    RINGSIDE_TRY(const auto differences, policies::diff_baseline(baseline, *snapshot));
    if (std::all_of(differences.begin(), differences.end(), [](const auto& one) { return one.key.empty(); }))
      return baseline;
  }
  log::info("the tables change while they are read; taking the baseline with the guest stopped");
  if (pauses != nullptr) RINGSIDE_CHECK(pauses->allow(std::chrono::steady_clock::now()));
  RINGSIDE_TRY(const auto window, guest.freeze());
  auto baseline = [&]() -> Result<Baseline> {
    RINGSIDE_TRY(const auto snapshot, guest.snapshot(msrs));
    return policies::take_baseline(*snapshot);
  }();
  const auto closed = window->close();
  if (pauses != nullptr) pauses->took(window->frozen_for(), std::chrono::steady_clock::now());
  RINGSIDE_CHECK(closed);
  return baseline;
}

}  // namespace

Result<Baseline> take_baseline_of(guest::live::LiveGuest& guest, guest::live::MsrSource msrs,
                                  Pauses* pauses) {
  RINGSIDE_TRY(Baseline baseline, take_tables(guest, msrs, pauses));
  if (!baseline.boot) return baseline;
  policies::BootRecord boot = *baseline.boot;
  boot.machine = machine_text(guest);
  baseline.boot = std::make_shared<const policies::BootRecord>(std::move(boot));
  return baseline;
}

}  // namespace ringside::agent
