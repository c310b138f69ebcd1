// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: a jump in the code of another module. Who: kits that hook network and file system drivers (published for
 * Reptile's KHOOK).
 * Changes: 5 bytes of a function of the module `dummy`, whose interface is down. Undone when it is unloaded.
 */
#include "attack.h"

KERNEL_SYMBOL(dummy_xmit);

static u8 *site, original[5];

static noinline int hooked_function(void)
{
	return 0;
}

static int __init start(void)
{
	u8 bytes[5];

	if (!dummy_xmit_at)
		return -ENOENT;
	site = ftrace_site(dummy_xmit_at) + 5;
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
