// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: an exception gets another stack, where whoever laid it out reads and changes the interrupted registers.
 * Who: published as a way to watch exceptions without touching the IDT.
 * Changes: the fourth interrupt stack (machine checks, which do not happen here) of the first CPU. Undone when unloaded.
 */
#include "attack.h"

#include <asm/processor.h>

static unsigned long original;

static unsigned long *stack(void)
{
#ifdef CONFIG_X86_64
	return (unsigned long *)&per_cpu(cpu_tss_rw, 0).x86_tss.ist[3];
#else
	return NULL; /* 32-bit processors have none */
#endif
}

static int __init start(void)
{
	if (!stack())
		return -ENOENT;
	original = *stack();
	*stack() = original - 0x800;
	return 0;
}

static void __exit stop(void)
{
	*stack() = original;
}

ATTACK(start, stop);
