// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "guest/address.h"
#include "guest/linux/kernel.h"

#include <string_view>

namespace ringside::agent {

/// The address of a symbol of the kernel or of a module ("name", "name [module]", "module:name"), or of
/// `symbol+0x10`. Errors: `not_found`, `invalid_argument`, or why the modules could not be read.
Result<guest::Gva> symbol_address(guest::linux::Kernel& kernel, std::string_view expression);

/// A number as it stands on the command line. `invalid_argument` for anything else.
Result<std::uint64_t> parse_address(std::string_view text);

/// A number, or a symbol.
Result<guest::Gva> address_or_symbol(guest::linux::Kernel& kernel, std::string_view text);

}  // namespace ringside::agent
