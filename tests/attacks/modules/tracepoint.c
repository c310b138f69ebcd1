// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: a probe of the module on a tracepoint: of every system call (tracepoint=sys_enter), or of every new process
 * (tracepoint=sched_process_fork); or the function that calls the probes is replaced (how=iterator), or a tracepoint without
 * probes is turned on (how=key). Who: Singularity.
 * Changes: the tracepoint's list of probes; the probe does nothing. Undone when it is unloaded.
 */
#include "attack.h"

#include <linux/tracepoint.h>

static char *tracepoint = "sys_enter";
module_param(tracepoint, charp, 0);

VARIANT("probe");
static struct tracepoint *found;
static void *original;

static noinline void hooked_probe(void *data)
{
}

static void look(struct tracepoint *candidate, void *unused)
{
	if (strcmp(candidate->name, tracepoint) == 0)
		found = candidate;
}

static int __init start(void)
{
	for_each_kernel_tracepoint(look, NULL);
	if (found && HOW("iterator")) {
		original = found->iterator;
		write_pointer(&found->iterator, hooked_probe);
		return 0;
	}
	if (found && HOW("key")) {
		/* The variable alone: the code that goes by it stays as it is. */
		WRITE_ONCE(*(int *)&found->key, 1);
		return 0;
	}
	return found ? tracepoint_probe_register(found, hooked_probe, NULL) : -ENOENT;
}

static void __exit stop(void)
{
	if (HOW("iterator")) {
		write_pointer(&found->iterator, original);
		return;
	}
	if (HOW("key")) {
		WRITE_ONCE(*(int *)&found->key, 0);
		return;
	}
	tracepoint_probe_unregister(found, hooked_probe, NULL);
	tracepoint_synchronize_unregister();
}

ATTACK(start, stop);
