// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: an interrupt gate enters the module's own code. Who: old kits that hook INT 0x80 and INT 3 (SuckIT's
 * relatives, "Handling the Interrupt Descriptor Table", Phrack 59).
 * Changes: gate 31 of the kernel's idt_table, a reserved vector that nothing raises. Undone when it is unloaded.
 */
#include "attack.h"

KERNEL_SYMBOL(idt_table);

static u8 original[16];

static noinline void hooked_interrupt(void)
{
	panic("never raised");
}

static int __init start(void)
{
	unsigned long handler = (unsigned long)hooked_interrupt;
	u8 gate[16], *at = (u8 *)idt_table_at + 31 * 16;

	if (!idt_table_at)
		return -ENOENT;
	memcpy(original, at, 16);
	memcpy(gate, at, 16);
	memcpy(gate, &handler, 2);
	memcpy(gate + 6, (u8 *)&handler + 2, 6);
	write_protected(at, gate, 16);
	return 0;
}

static void __exit stop(void)
{
	write_protected((u8 *)idt_table_at + 31 * 16, original, 16);
}

ATTACK(start, stop);
