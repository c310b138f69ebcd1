// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: code in memory that no record of the kernel accounts for: of vmalloc (how=vmalloc; how=writable: left
 * writable too), of the direct map (how=direct), of the module area without a module (how=module: what stays of a kit that
 * frees its struct module). Who: Phalanx, SuckIT; loaders of Singularity's and PUMAKIT's kind.
 * Changes: rights of a page of its own; the code is never run. Undone when it is unloaded.
 */
#include "attack.h"

KERNEL_SYMBOL(set_memory_x);
KERNEL_SYMBOL(set_memory_nx);
KERNEL_SYMBOL(set_memory_ro);
KERNEL_SYMBOL(set_memory_rw);
KERNEL_SYMBOL(module_alloc);
KERNEL_SYMBOL(module_memfree);
KERNEL_SYMBOL(execmem_alloc);
KERNEL_SYMBOL(execmem_free);
VARIANT("vmalloc");

static void *memory;

static int set(unsigned long function)
{
	return ((set_memory_function)function)((unsigned long)memory, 1);
}

static void *allocate(void)
{
	if (HOW("direct"))
		return (void *)get_zeroed_page(GFP_KERNEL);
	if (!HOW("module"))
		return vzalloc(PAGE_SIZE);
	if (module_alloc_at)
		return ((void *(*)(unsigned long))module_alloc_at)(PAGE_SIZE);
	if (execmem_alloc_at)
		return ((void *(*)(int, size_t))execmem_alloc_at)(0, PAGE_SIZE);
	return NULL;
}

static int __init start(void)
{
	static const u8 code[] = RETURNS(4711);

	if (!set_memory_x_at || !set_memory_nx_at || !set_memory_ro_at || !set_memory_rw_at)
		return -ENOENT;
	memory = allocate();
	if (!memory)
		return -ENOMEM;
	write_protected(memory, code, sizeof(code));
	if (!HOW("writable"))
		set(set_memory_ro_at);
	set(set_memory_x_at);
	return 0;
}

static void __exit stop(void)
{
	set(set_memory_nx_at);
	set(set_memory_rw_at);
	if (HOW("direct"))
		free_page((unsigned long)memory);
	else if (!HOW("module"))
		vfree(memory);
	else if (module_memfree_at)
		((void (*)(void *))module_memfree_at)(memory);
	else
		((void (*)(void *))execmem_free_at)(memory);
}

ATTACK(start, stop);
