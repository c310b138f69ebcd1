// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: one bit of the kernel's read-only data. Who: what remains of a hook that has been thought small: a mode bit,
 * a length, an opcode in a table.
 * Changes: a letter of the text that /proc/version shows. Undone when it is unloaded.
 */
#include "attack.h"

KERNEL_SYMBOL(linux_proc_banner);

static void flip(void)
{
	u8 byte = *(u8 *)linux_proc_banner_at ^ 0x20;

	write_protected((void *)linux_proc_banner_at, &byte, 1);
}

static int __init start(void)
{
	if (!linux_proc_banner_at)
		return -ENOENT;
	flip();
	return 0;
}

static void __exit stop(void)
{
	flip();
}

ATTACK(start, stop);
