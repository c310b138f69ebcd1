// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: a netfilter hook whose function is code that belongs to nobody. Who: KoviD, Umbra, Syslogk: they wait for a
 * packet that wakes them.
 * Changes: the hooks of LOCAL_IN; the function accepts everything. Undone when it is unloaded.
 */
#include "attack.h"

#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <net/net_namespace.h>

NOBODY_SYMBOLS;
static struct nf_hook_ops hook = {.pf = NFPROTO_IPV4, .hooknum = NF_INET_LOCAL_IN, .priority = NF_IP_PRI_FIRST};

static int __init start(void)
{
	static const u8 code[] = RETURNS(NF_ACCEPT);

	hook.hook = NOBODY_START(code, sizeof(code));
	return hook.hook ? nf_register_net_hook(&init_net, &hook) : -ENOENT;
}

static void __exit stop(void)
{
	nf_unregister_net_hook(&init_net, &hook);
	NOBODY_STOP();
}

ATTACK(start, stop);
