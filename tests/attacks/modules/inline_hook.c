// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: a jump to the module in the code of a kernel function: right behind its entry (how=prologue) or further in
 * (how=middle). Who: Reptile (KHOOK), suterusu, enyelkm.
 * Changes: 5 bytes of the function of swapoff, or of kernel_kexec, which nobody calls here. Undone when unloaded.
 */
#include "attack.h"

KERNEL_SYMBOL_SWAPOFF;
KERNEL_SYMBOL(kernel_kexec);
VARIANT("prologue");

static u8 *site, original[5];

static noinline long hooked_function(void)
{
	return -EPERM;
}

static int __init start(void)
{
	u8 bytes[5];

	if (!swapoff_at || !kernel_kexec_at)
		return -ENOENT;
	site = HOW("middle") ? (u8 *)kernel_kexec_at + 60 : ftrace_site(swapoff_at) + 5;
	memcpy(original, site, 5);
	branch(bytes, 0xe9, site, hooked_function);
	write_protected(site, bytes, 5);
	return 0;
}

static void __exit stop(void)
{
	write_protected(site, original, 5);
}

ATTACK(start, stop);
