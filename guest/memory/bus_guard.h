// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>

namespace ringside::guest::memory {

/// Installs this process's SIGBUS handler, once. A file that is truncated while it is mapped turns loads into
/// SIGBUS (mmap(2)); the handler makes guarded_copy() return false then, and hands every other SIGBUS to the
/// handler that stood before, or to the default action.
void install_bus_guard();

/// memcpy from mapped pages. False if a page of the source has no backing (any more); `into` then holds
/// anything.
bool guarded_copy(std::byte* into, const std::byte* from, std::size_t size);

/// True if `size` bytes of mapped pages equal `expected`; nullopt if a page has no backing (any more).
std::optional<bool> guarded_equal(const std::byte* mapped, const std::byte* expected, std::size_t size);

}  // namespace ringside::guest::memory
