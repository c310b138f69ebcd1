/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * What the attacks share. Each is a module that changes one object of the kernel in the way of a rootkit, and changes it
 * back when it is unloaded. They run in throw-away guests of the lab only, do nothing else, and hide nothing else.
 */
#pragma once

#include <asm/cacheflush.h>
#include <asm/special_insns.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/string.h>
#include <linux/version.h>
#include <linux/vmalloc.h>

/* The address of something that the kernel does not export, as /proc/kallsyms has it: the loader passes it. 0: none. */
#define KERNEL_SYMBOL(name) \
	static unsigned long name##_at; \
	module_param_named(at_##name, name##_at, ulong, 0)

/* The function behind swapoff, which nobody calls in these guests. */
#ifdef CONFIG_X86_64
#define SWAPOFF "__x64_sys_swapoff"
#define KERNEL_SYMBOL_SWAPOFF KERNEL_SYMBOL(__x64_sys_swapoff)
#define swapoff_at __x64_sys_swapoff_at
#else
#define SWAPOFF "__ia32_sys_swapoff"
#define KERNEL_SYMBOL_SWAPOFF KERNEL_SYMBOL(__ia32_sys_swapoff)
#define swapoff_at __ia32_sys_swapoff_at
#endif

/* A choice between variants of a technique. */
#define VARIANT(initial) \
	static char *how = initial; \
	module_param(how, charp, 0)
#define HOW(name) (strcmp(how, name) == 0)

#define ATTACK(start, stop) \
	module_init(start); \
	module_exit(stop); \
	MODULE_DESCRIPTION("ringside lab: a harmless simulation of a rootkit's technique"); \
	MODULE_LICENSE("GPL")

/* Writes to memory that is mapped read-only, as rootkits do: with CR0.WP off. write_cr0() would refuse. */
static inline void write_protected(void *to, const void *from, size_t size)
{
	unsigned long flags, cr0;

	local_irq_save(flags);
	cr0 = read_cr0();
	asm volatile("mov %0, %%cr0" : : "r"(cr0 & ~0x10000UL) : "memory");
	memcpy(to, from, size);
	asm volatile("mov %0, %%cr0" : : "r"(cr0) : "memory");
	local_irq_restore(flags);
}

static inline void write_pointer(void *to, const void *value)
{
	write_protected(to, &value, sizeof(value));
}

/*
 * Executable memory that no record of the kernel accounts for, with a copy of `code`. Needs at_set_memory_x and
 * friends. NULL: it could not be had.
 */
struct nobody {
	void *page;
};

typedef int (*set_memory_function)(unsigned long address, int pages);

static inline void *nobody_start(struct nobody *nobody, const void *code, size_t size, unsigned long set_memory_x,
				 unsigned long set_memory_ro)
{
	if (!set_memory_x || !set_memory_ro)
		return NULL;
	nobody->page = vmalloc(PAGE_SIZE);
	if (!nobody->page)
		return NULL;
	memcpy(nobody->page, code, size);
	((set_memory_function)set_memory_ro)((unsigned long)nobody->page, 1);
	((set_memory_function)set_memory_x)((unsigned long)nobody->page, 1);
	return nobody->page;
}

static inline void nobody_stop(struct nobody *nobody, unsigned long set_memory_nx, unsigned long set_memory_rw)
{
	if (!nobody->page)
		return;
	((set_memory_function)set_memory_nx)((unsigned long)nobody->page, 1);
	((set_memory_function)set_memory_rw)((unsigned long)nobody->page, 1);
	vfree(nobody->page);
	nobody->page = NULL;
}

#define NOBODY_SYMBOLS \
	KERNEL_SYMBOL(set_memory_x); \
	KERNEL_SYMBOL(set_memory_nx); \
	KERNEL_SYMBOL(set_memory_ro); \
	KERNEL_SYMBOL(set_memory_rw); \
	static struct nobody nobody

#define NOBODY_START(code, size) nobody_start(&nobody, code, size, set_memory_x_at, set_memory_ro_at)
#define NOBODY_STOP() nobody_stop(&nobody, set_memory_nx_at, set_memory_rw_at)

/* mov eax, imm32; ret: a function that returns a number and does nothing. */
#define RETURNS(number) \
	{ \
		0xb8, (u8)(number), (u8)((number) >> 8), (u8)((number) >> 16), (u8)((number) >> 24), 0xc3 \
	}

/* The 5 bytes that ftrace patches at the start of a function. */
static inline u8 *ftrace_site(unsigned long function)
{
	u8 *at = (u8 *)function;

	/* endbr64, endbr32 or what seals it */
	if (at[0] == 0xf3 && at[1] == 0x0f && at[2] == 0x1e && (at[3] == 0xfa || at[3] == 0xfb))
		return at + 4;
	if (at[0] == 0x66 && at[1] == 0x0f && at[2] == 0x1f && at[3] == 0x00)
		return at + 4;
	if (at[0] == 0x0f && at[1] == 0x1f && at[2] == 0x40 && at[3] == 0xd6)
		return at + 4;
	return at;
}

/* call or jmp from `site` to `target`. */
static inline void branch(u8 bytes[5], u8 opcode, const void *site, const void *target)
{
	s32 distance = (s32)((long)target - ((long)site + 5));

	bytes[0] = opcode;
	memcpy(bytes + 1, &distance, 4);
}
