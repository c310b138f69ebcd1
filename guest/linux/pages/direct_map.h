// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"

namespace ringside::guest::linux {

/// Where the kernel maps guest-physical address 0: PAGE_OFFSET. Errors as reading page_offset_base.
Result<Gva> direct_map_base(Kernel& kernel);

}  // namespace ringside::guest::linux
