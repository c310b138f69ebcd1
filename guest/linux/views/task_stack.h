// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"

namespace ringside::guest::linux {

/// The bytes of a task's kernel stack that are in use, upwards from its stack pointer: that of the CPU that
/// stands on this stack, whose other registers follow, or what the last switch kept, registers included.
/// `malformed` if the pointer is outside of the stack.
Result<Bytes> stack_in_use(Kernel& kernel, Gva task);

}  // namespace ringside::guest::linux
