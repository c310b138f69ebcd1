// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: a handler for every packet (dev_add_pack), whose function is code that belongs to nobody. Who: Reptile's and
 * Drovorub's knocks by a packet.
 * Changes: the handlers of an Ethernet type that nobody uses. Undone when it is unloaded.
 */
#include "attack.h"

#include <linux/netdevice.h>

NOBODY_SYMBOLS;
static struct packet_type handler = {.type = cpu_to_be16(0x88b5)};

static int __init start(void)
{
	static const u8 code[] = RETURNS(0);

	handler.func = NOBODY_START(code, sizeof(code));
	if (!handler.func)
		return -ENOENT;
	dev_add_pack(&handler);
	return 0;
}

static void __exit stop(void)
{
	dev_remove_pack(&handler);
	NOBODY_STOP();
}

ATTACK(start, stop);
