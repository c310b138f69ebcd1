// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: a function of a protocol leads to the module (how=function), or a protocol has a table of its own that belongs to
 * nobody (how=table). Who: kits that see what programs send (hooks of tcp_prot).
 * Changes: udp_prot.ioctl, which nobody calls here; the module's calls the original; or what
 * sockets of a type and protocol get that nobody asks for. Undone when it is unloaded.
 */
#include "attack.h"

#include <linux/slab.h>
#include <net/protocol.h>
#include <net/sock.h>
#include <net/udp.h>
/* needs what is above */
#include <net/inet_common.h>

VARIANT("function");
static struct inet_protosw type = {.type = SOCK_RDM, .protocol = 253, .flags = 0};
static struct proto *copy;
static void *original;

static noinline long hooked_ioctl(void *socket, long command, void *argument)
{
	return ((long (*)(void *, long, void *))original)(socket, command, argument);
}

static int __init start(void)
{
	if (HOW("table")) {
		copy = kmemdup(&udp_prot, sizeof(*copy), GFP_KERNEL);
		if (!copy)
			return -ENOMEM;
		type.prot = copy;
		type.ops = &inet_dgram_ops;
		inet_register_protosw(&type);
		return 0;
	}
	original = udp_prot.ioctl;
	write_pointer(&udp_prot.ioctl, hooked_ioctl);
	return 0;
}

static void __exit stop(void)
{
	if (HOW("table")) {
		inet_unregister_protosw(&type);
		kfree(copy);
	} else {
		write_pointer(&udp_prot.ioctl, original);
	}
}

ATTACK(start, stop);
