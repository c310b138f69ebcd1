// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: a call gate in the GDT, by which user code enters the kernel with a far call. Who: "Linux per-process
 * syscall hooking"'s relatives; long known from Windows kits (Rustock's time).
 * Changes: entry 7 of the first CPU's GDT, which Linux does not use. The gate leads to no code. Undone when unloaded.
 */
#include "attack.h"

#include <asm/desc.h>

static unsigned long original;

static unsigned long *entry(void)
{
	return (unsigned long *)get_cpu_gdt_rw(0) + 7;
}

static int __init start(void)
{
	original = *entry();
	*entry() = 0x8100ec0000100000; /* present, DPL 3, 64-bit call gate, kernel code segment */
	return 0;
}

static void __exit stop(void)
{
	*entry() = original;
}

ATTACK(start, stop);
