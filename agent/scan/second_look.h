// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/scan/pauses.h"
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

/// What two looks, one at once after the other, at a check that is unknown or confirms over a window come to.
/// Unknown gives way to what is known. A violation is over if the second look knows that there is none of
/// that fingerprint any more; what only the second one shows began between them, and is left to the next
/// look. What has the same fingerprint stays, whatever it holds now. `more`: a third look may come to
/// something else.
policies::CheckResult closer(const policies::CheckResult& first, const policies::CheckResult& again,
                             bool& more);

/// Looks again at once, a few times, at results for which `doubted` holds and that are unknown or that
/// confirm over a window, until looks agree (`closer`): much of what a look at a running guest shows, or
/// cannot read, was in the middle of a change that takes less than a look.
void look_closer(guest::live::LiveGuest& guest, policies::Evaluator& evaluator, guest::live::MsrSource msrs,
                 std::vector<policies::CheckResult>& results,
                 const std::function<bool(const policies::CheckResult&)>& doubted);

/// Looks again, at once, at violated results for which `doubted` holds: on a fresh snapshot, or with the
/// guest stopped where the check says `confirm: paused`; not at those that confirm over a window
/// (Confirmation). Each check is evaluated again at most once. What `pauses` (nullptr: no bound) does not
/// allow to be looked at with the guest stopped is unknown.
void look_again(guest::live::LiveGuest& guest, policies::Evaluator& evaluator, guest::live::MsrSource msrs,
                std::vector<policies::CheckResult>& results,
                const std::function<bool(const policies::CheckResult&)>& doubted, Pauses* pauses = nullptr);

}  // namespace ringside::agent
