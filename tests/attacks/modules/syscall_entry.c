// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: an entry of sys_call_table leads to the module's own function (how=module), or past the start of the call's
 * own (how=middle). Who: Diamorphine, KBeast, Adore (getdents64, kill).
 * Changes: entry 217 (getdents64), or 168 (swapoff). The first calls the original; the second is called by nobody here.
 * Undone when it is unloaded.
 */
#include "attack.h"

#include <asm/unistd.h>
#include <linux/delay.h>
#include <linux/ptrace.h>

KERNEL_SYMBOL(sys_call_table);
VARIANT("module");

typedef asmlinkage long (*system_call)(const struct pt_regs *registers);
static void **entry, *original;

static noinline asmlinkage long hooked_getdents64(const struct pt_regs *registers)
{
	return ((system_call)original)(registers);
}

static int __init start(void)
{
	if (!sys_call_table_at)
		return -ENOENT;
	entry = (void **)sys_call_table_at + (HOW("middle") ? __NR_swapoff : __NR_getdents64);
	original = *entry;
	write_pointer(entry, HOW("middle") ? original + 4 : (void *)hooked_getdents64);
	return 0;
}

static void __exit stop(void)
{
	write_pointer(entry, original);
	msleep(50); /* whoever is inside returns */
}

ATTACK(start, stop);
