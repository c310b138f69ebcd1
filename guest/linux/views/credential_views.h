// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/linux/listing.h"
#include "guest/linux/tasks.h"

#include <cstdint>
#include <optional>

namespace ringside::guest::linux {

/// The credentials of a thread: those that it is known by (real_cred, objective) and those that it acts with
/// (cred, subjective), which differ only while the kernel acts for it in another's name
/// (Documentation/security/credentials.rst). nullopt: not known.
struct CredentialView {
  Task task;                          ///< with its pointers; its credentials are those of real_cred
  std::optional<Credentials> acting;  ///< those of cred
  /// struct cred of init_task, which every other task has only a copy of (kernel/cred.c, copy_creds).
  std::optional<bool> objective_of_init, subjective_of_init;
  /// The lowest pid of another process whose real_cred is this thread's real_cred, or cred. Processes never
  /// share them: only threads of one do.
  std::optional<std::int32_t> objective_shared_with, subjective_shared_with;
  std::optional<std::int64_t> usage;  ///< references to real_cred
  /// Capabilities that are effective but not permitted, and ambient but not permitted and inheritable, in
  /// either of the two. None by every way that the kernel changes them (security/commoncap.c).
  std::optional<std::uint64_t> effective_beyond, ambient_beyond;
  /// Its network namespace is among those that the kernel lists. nullopt also for a task that has none.
  std::optional<bool> netns_listed;
};

/// The credentials of every listed thread.
Listing<CredentialView> credential_views(Kernel& kernel);

}  // namespace ringside::guest::linux
