// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: a function is hooked through ftrace's own interface. Who: Singularity, KoviD, PUMAKIT.
 * Changes: an ftrace_ops of the module on the function of swapoff, which nobody calls here. Undone when it is unloaded.
 */
#include "attack.h"

#include <linux/ftrace.h>

KERNEL_SYMBOL_SWAPOFF;

#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 11, 0)
#define ftrace_regs pt_regs
#endif
static void notrace hooked_trace(unsigned long ip, unsigned long parent, struct ftrace_ops *ops,
				 struct ftrace_regs *regs)
{
}

static struct ftrace_ops ops = {.func = hooked_trace, .flags = FTRACE_OPS_FL_SAVE_REGS};

static int __init start(void)
{
	int error;

	if (!swapoff_at)
		return -ENOENT;
	error = ftrace_set_filter_ip(&ops, (unsigned long)ftrace_site(swapoff_at), 0, 0);
	return error ? error : register_ftrace_function(&ops);
}

static void __exit stop(void)
{
	unregister_ftrace_function(&ops);
	ftrace_set_filter(&ops, NULL, 0, 1);
}

ATTACK(start, stop);
