// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/linux/listing.h"
#include "guest/linux/sockets.h"

#include <vector>

namespace ringside::guest::linux {

/// A struct sock that a file descriptor refers to.
struct OwnedSocket {
  Gva sk;
  SocketOwner owner;
};

/// The sockets behind the open files of all tasks, by process, then by descriptor; a table of files that
/// tasks share is looked at once. Errors: `not_found` or `unavailable` where this kernel does not tell what a
/// socket's file is.
Result<Listing<OwnedSocket>> owned_sockets(Kernel& kernel);

}  // namespace ringside::guest::linux
