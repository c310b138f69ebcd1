// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/text/text_references.h"

#include <memory>
#include <string_view>

namespace ringside::guest::linux {

inline constexpr std::string_view kGoldenText = "golden";

/// The source "golden": code of the kernel and of its modules as their vendors shipped them, out of the
/// GoldenStore that is kept with the snapshot. Each of them that was not imported, or cannot be compared, is
/// TextReference::missing() with the reason. Its references must not outlive the kernel they were made for.
std::shared_ptr<const TextReferenceSource> golden_text();

}  // namespace ringside::guest::linux
