// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/hooks/hook.h"

namespace ringside::guest::linux {

/// Who is called when something happens: the blocks of the notifier chains of the kernel, of its modules and
/// of network namespaces (include/linux/notifier.h), and the handlers of non-maskable interrupts
/// (arch/x86/kernel/nmi.c). `group` is the chain, `number` the priority (of NMI handlers their place).
Result<Hooks> notifiers(Kernel& kernel);

}  // namespace ringside::guest::linux
