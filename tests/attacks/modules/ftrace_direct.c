// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: a function is diverted to code of the module by ftrace's direct calls, which are meant for BPF.
 * Who: what ftrace kits turn to for speed.
 * Changes: the function of swapoff, which nobody calls here, calls a function that returns at once. Undone when unloaded.
 */
#include "attack.h"

#include <linux/ftrace.h>

KERNEL_SYMBOL_SWAPOFF;

void hooked_direct(void);
asm(".text\n.globl hooked_direct\n.type hooked_direct, @function\nhooked_direct:\n.byte 0xc3\n"
    ".size hooked_direct, . - hooked_direct\n");

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
static struct ftrace_ops ops;

static int __init start(void)
{
	int error;

	if (!swapoff_at)
		return -ENOENT;
	error = ftrace_set_filter_ip(&ops, (unsigned long)ftrace_site(swapoff_at), 0, 0);
	return error ? error : register_ftrace_direct(&ops, (unsigned long)hooked_direct);
}

static void __exit stop(void)
{
	unregister_ftrace_direct(&ops, (unsigned long)hooked_direct, true);
}
#else
static unsigned long site;

static int __init start(void)
{
	if (!swapoff_at)
		return -ENOENT;
	site = (unsigned long)ftrace_site(swapoff_at);
	return register_ftrace_direct(site, (unsigned long)hooked_direct);
}

static void __exit stop(void)
{
	unregister_ftrace_direct(site, (unsigned long)hooked_direct);
}
#endif

ATTACK(start, stop);
