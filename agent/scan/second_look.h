// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/live/live_guest.h"
#include "policies/engine/evaluator.h"

#include <functional>
#include <vector>

namespace ringside::agent {

/// What two looks at one check come to. Only violations that both report count (a read of a running guest can
/// be torn); a check that reports other violations each time is unknown, never clean.
policies::CheckResult confirmed(const policies::CheckResult& first, const policies::CheckResult& again);

/// A violation that could not be looked at again: unknown, with what was seen and why.
policies::CheckResult unconfirmed(const policies::CheckResult& first, const Error& why);

/// Looks again at what was unknown, as long as the reasons change from look to look: much of what cannot be
/// read of a running guest was in the middle of a change. What stays unknown keeps its last reasons.
void look_for_unknown(guest::live::LiveGuest& guest, policies::Evaluator& evaluator,
                      guest::live::MsrSource msrs, std::vector<policies::CheckResult>& results);

/// Looks again, at once, at violated results for which `doubted` holds: on a fresh snapshot, or with the
/// guest stopped where the check says `confirm: paused`; not at those that confirm over a window
/// (Confirmation). Each policy is evaluated again at most once.
void look_again(guest::live::LiveGuest& guest, policies::Evaluator& evaluator, guest::live::MsrSource msrs,
                std::vector<policies::CheckResult>& results,
                const std::function<bool(const policies::CheckResult&)>& doubted);

}  // namespace ringside::agent
