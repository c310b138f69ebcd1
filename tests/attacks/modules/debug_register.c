// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: a debug register as a hook: a breakpoint on kernel code, behind the back of the kernel's own events.
 * Who: suterusu (published), "mistifying the debugger", Phrack 65.
 * Changes: DR3 and DR7 of every CPU: a breakpoint on a function that is never called. Undone when it is unloaded.
 */
#include "attack.h"

#include <linux/smp.h>

static noinline void watched(void)
{
	panic("never called");
}

static void set(void *address)
{
	asm volatile("mov %0, %%db3" : : "r"(address));
	asm volatile("mov %0, %%db7" : : "r"(address ? 0x480UL : 0x400UL)); /* G3: execution */
}

static int __init start(void)
{
	on_each_cpu(set, watched, 1);
	return 0;
}

static void __exit stop(void)
{
	on_each_cpu(set, NULL, 1);
}

ATTACK(start, stop);
