// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: the function behind a value of /proc/sys leads to the module. Who: kits that lie about kernel.tainted and
 * ftrace_enabled (Singularity).
 * Changes: the handler of a sysctl of the kernel's own table (table=ADDRESS); the module's calls the original. Undone when
 * it is unloaded.
 */
#include "attack.h"

#include <linux/sysctl.h>

static unsigned long table;
module_param(table, ulong, 0);

static void *original;

static noinline long hooked_handler(void *entry, long write, void *buffer, void *size, void *position)
{
	return ((long (*)(void *, long, void *, void *, void *))original)(entry, write, buffer, size, position);
}

static int __init start(void)
{
	struct ctl_table *entry = (void *)table;

	if (!entry)
		return -ENOENT;
	original = entry->proc_handler;
	write_pointer(&entry->proc_handler, hooked_handler);
	return 0;
}

static void __exit stop(void)
{
	write_pointer((void *)&((struct ctl_table *)table)->proc_handler, original);
}

ATTACK(start, stop);
