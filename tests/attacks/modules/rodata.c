// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: one bit of the kernel's read-only data (how=kernel) or of a module's (how=module), or both (how=both). Who: what remains of a hook that has been thought small: a mode bit,
 * a length, an opcode in a table.
 * Changes: a letter of the text that /proc/version shows, or a bit of the operations of dummy0, in a place that is not used. Undone when it is unloaded.
 */
#include "attack.h"

#include <linux/netdevice.h>
#include <net/net_namespace.h>

KERNEL_SYMBOL(linux_proc_banner);
VARIANT("kernel");

static u8 *places[2];

static void flip(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(places); ++i) {
		u8 byte;

		if (!places[i])
			continue;
		byte = *places[i] ^ 0x20;
		write_protected(places[i], &byte, 1);
	}
}

static int __init start(void)
{
	if (!HOW("module")) {
		if (!linux_proc_banner_at)
			return -ENOENT;
		places[0] = (u8 *)linux_proc_banner_at;
	}
	if (!HOW("kernel")) {
		struct net_device *device = dev_get_by_name(&init_net, "dummy0");

		if (!device)
			return -ENODEV;
		/* Nobody gives dummy0 another address here. */
		places[1] = (u8 *)&device->netdev_ops->ndo_set_mac_address;
		dev_put(device);
	}
	flip();
	return 0;
}

static void __exit stop(void)
{
	flip();
}

ATTACK(start, stop);
