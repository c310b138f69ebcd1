// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: an open socket calls code of nobody when data comes (how=ready), or has a protocol of its own, a copy of the
 * kernel's that was changed (how=protocol). Who: backdoors that take over a connection (sk_prot, sk_data_ready).
 * Changes: the listener at `socket`, to which nobody connects here. Undone when it is unloaded.
 */
#include "attack.h"

#include <linux/slab.h>
#include <net/sock.h>
#include <net/tcp_states.h>

NOBODY_SYMBOLS;
VARIANT("ready");
static unsigned long socket;
module_param(socket, ulong, 0);

static struct sock *listener;
static void (*original)(struct sock *);
static struct proto *original_protocol, *copy;

static int __init start(void)
{
	static const u8 code[] = RETURNS(0);
	void *function;

	listener = (struct sock *)socket;
	if (!listener || listener->sk_state != TCP_LISTEN)
		return -ESRCH;
	if (HOW("protocol")) {
		copy = kmemdup(listener->sk_prot, sizeof(*copy), GFP_KERNEL);
		if (!copy)
			return -ENOMEM;
		original_protocol = listener->sk_prot;
		WRITE_ONCE(listener->sk_prot, copy);
		return 0;
	}
	function = NOBODY_START(code, sizeof(code));
	if (!function)
		return -ENOENT;
	original = listener->sk_data_ready;
	listener->sk_data_ready = function;
	return 0;
}

static void __exit stop(void)
{
	if (HOW("protocol")) {
		WRITE_ONCE(listener->sk_prot, original_protocol);
		kfree(copy);
	} else {
		listener->sk_data_ready = original;
	}
	NOBODY_STOP();
}

ATTACK(start, stop);
