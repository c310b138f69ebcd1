// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: a call gate in the GDT, by which user code enters the kernel with a far call. Who: "Linux per-process
 * syscall hooking"'s relatives; long known from Windows kits (Rustock's time).
 * Changes: an entry of the first CPU's GDT that Linux does not use. The gate leads to no code. Undone when unloaded.
 */
#include "attack.h"

#include <asm/desc.h>

static u64 original;

/* One that Linux does not use (arch/x86/include/asm/segment.h). */
static u64 *entry(void)
{
#ifdef CONFIG_X86_64
	return (u64 *)get_cpu_gdt_rw(0) + 7;
#else
	return (u64 *)get_cpu_gdt_rw(0) + 10;
#endif
}

static int __init start(void)
{
	original = *entry();
#ifdef CONFIG_X86_64
	*entry() = 0x8100ec0000100000; /* present, DPL 3, 64-bit call gate, kernel code segment */
#else
	*entry() = 0x8100ec0000600000;
#endif
	return 0;
}

static void __exit stop(void)
{
	*entry() = original;
}

ATTACK(start, stop);
