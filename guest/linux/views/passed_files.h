// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"

#include <cstdint>
#include <optional>

namespace ringside::guest::linux {

/// Open files that are on their way between processes (SCM_RIGHTS), as the kernel counts them for each user
/// (net/core/scm.c, user_struct.unix_inflight). nullopt: this kernel does not tell, or it could not be read.
std::optional<std::uint64_t> files_in_flight(Kernel& kernel);

}  // namespace ringside::guest::linux
