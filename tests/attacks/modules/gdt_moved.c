// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: the CPUs get another segment table (lgdt), with the same content but for what its owner wants to change later;
 * the kernel's own stays as it was. Who: the counterpart of a moved IDT, long known from Windows kits.
 * Changes: GDTR of every CPU, to a copy of its table; in a 32-bit kernel, which changes the table with every task, to the same
 * memory at another address. Undone when it is unloaded.
 */
#include "attack.h"

#include <asm/desc.h>
#include <linux/smp.h>

struct __packed table {
	u16 limit;
	unsigned long base;
};
static struct table originals[NR_CPUS];
static void *copies[NR_CPUS];

static void move(void *unused)
{
	struct table moved;
	int cpu = smp_processor_id();

	asm volatile("sgdt %0" : "=m"(originals[cpu]));
	memcpy(copies[cpu], (void *)originals[cpu].base, originals[cpu].limit + 1);
	moved.limit = originals[cpu].limit;
	moved.base = IS_ENABLED(CONFIG_X86_64) ? (unsigned long)copies[cpu] : (unsigned long)get_cpu_gdt_rw(cpu);
	asm volatile("lgdt %0" : : "m"(moved));
}

static void move_back(void *unused)
{
	asm volatile("lgdt %0" : : "m"(originals[smp_processor_id()]));
}

static int __init start(void)
{
	int cpu;

	for_each_online_cpu(cpu)
	{
		copies[cpu] = (void *)get_zeroed_page(GFP_KERNEL);
		if (!copies[cpu])
			return -ENOMEM;
	}
	on_each_cpu(move, NULL, 1);
	return 0;
}

static void __exit stop(void)
{
	int cpu;

	on_each_cpu(move_back, NULL, 1);
	for_each_possible_cpu(cpu) free_page((unsigned long)copies[cpu]);
}

ATTACK(start, stop);
