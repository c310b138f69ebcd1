// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/manual/manual.h"

#include <string>
#include <vector>

namespace ringside::agent::manual {

/// The title and the section NAME.
std::string head(const ManualPage& page);
/// The other pages.
std::string see_also(const ManualPage& page);
/// `text` so that Markdown takes it as it is.
std::string plain(const std::string& text);
/// `text` with its headings `up` levels higher, without its title and without links between files.
std::string sections_of(const std::string& text);
std::vector<std::string> lines_of(const std::string& text);

}  // namespace ringside::agent::manual
