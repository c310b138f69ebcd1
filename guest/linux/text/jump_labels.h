// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/text/site_collector.h"

namespace ringside::guest::linux {

/// The branches of static keys, of the image and of modules (include/linux/jump_label.h): a jump where the
/// key's state asks for it, else a NOP.
void add_jump_labels(SiteCollector& sites);

}  // namespace ringside::guest::linux
