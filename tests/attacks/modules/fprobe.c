// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: an fprobe of the module as a hook. Who: what replaces kprobes and ftrace_ops in newer kernels.
 * Changes: a probe on the function of swapoff, which nobody calls here. Undone when it is unloaded.
 */
#include "attack.h"

KERNEL_SYMBOL(register_fprobe);

#if IS_ENABLED(CONFIG_FPROBE)
#include <linux/fprobe.h>

static noinline int hooked_fprobe(void)
{
	return 0;
}

/* The arguments of the handler differ from release to release; it takes none. */
static struct fprobe probe = {.entry_handler = (void *)hooked_fprobe};

static int __init start(void)
{
	return register_fprobe(&probe, SWAPOFF, NULL);
}

static void __exit stop(void)
{
	unregister_fprobe(&probe);
}
#else
static int __init start(void)
{
	return -ENOENT; /* this kernel has none */
}

static void __exit stop(void)
{
}
#endif

ATTACK(start, stop);
