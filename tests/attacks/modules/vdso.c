// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: the page of code that the kernel gives to every process (vDSO): a process has one that another image describes
 * (how=image), a process may write the kernel's own (how=writable), the kernel's own was changed (how=kernel).
 * Who: "Give me your vDSO" (CVE-2014-9322 and Dirty COW exploits): root's processes run what was written there.
 * Changes: the process `pid`, or the last byte of the vDSO, which is filler. Undone when it is unloaded.
 */
#include "attack.h"

#include <asm/pgtable.h>
#include <asm/vdso.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>

VARIANT("image");
static int pid;
module_param(pid, int, 0);

static struct mm_struct *mm;
static const struct vdso_image *original;
static struct vdso_image copy;
static pte_t *entry, original_entry;
static u8 byte;

static void *last_byte(void)
{
	return (void *)original->data + original->size - 1;
}

static int let_write(void)
{
	unsigned long address = (unsigned long)mm->context.vdso;
	pgd_t *pgd = pgd_offset(mm, address);
	p4d_t *p4d = p4d_offset(pgd, address);
	pud_t *pud = pud_offset(p4d, address);
	pmd_t *pmd = pmd_offset(pud, address);

	if (pgd_none(*pgd) || p4d_none(*p4d) || pud_none(*pud) || pmd_none(*pmd))
		return -ESRCH;
	/* pte_offset_map() may not be there for modules. */
	entry = (pte_t *)pmd_page_vaddr(*pmd) + pte_index(address);
	if (!pte_present(*entry))
		return -ESRCH;
	original_entry = *entry;
	WRITE_ONCE(*entry, __pte(pte_val(original_entry) | _PAGE_RW));
	return 0;
}

static int __init start(void)
{
	struct task_struct *task;
	u8 changed;

	rcu_read_lock();
	task = get_pid_task(find_vpid(pid), PIDTYPE_PID);
	rcu_read_unlock();
	if (!task)
		return -ESRCH;
	mm = get_task_mm(task);
	put_task_struct(task);
	if (!mm)
		return -ESRCH;
	original = mm->context.vdso_image;
	if (!original)
		return -ESRCH;
	if (HOW("writable"))
		return let_write();
	if (HOW("kernel")) {
		byte = *(u8 *)last_byte();
		changed = byte ^ 0x20;
		write_protected(last_byte(), &changed, 1);
		return 0;
	}
	copy = *original;
	mm->context.vdso_image = &copy;
	return 0;
}

static void __exit stop(void)
{
	if (HOW("writable"))
		WRITE_ONCE(*entry, original_entry);
	else if (HOW("kernel"))
		write_protected(last_byte(), &byte, 1);
	else
		mm->context.vdso_image = original;
	mmput(mm);
}

ATTACK(start, stop);
