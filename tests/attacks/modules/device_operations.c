// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: an interface has operations of its own, a changed copy of the driver's. Who: kits that hide traffic or send
 * their own (ndo_start_xmit).
 * Changes: netdev_ops of dummy0, which is down. Undone when it is unloaded.
 */
#include "attack.h"

#include <linux/netdevice.h>
#include <linux/slab.h>
#include <net/net_namespace.h>

static struct net_device *device;
static const struct net_device_ops *original, *copy;

static int __init start(void)
{
	device = dev_get_by_name(&init_net, "dummy0");
	if (!device)
		return -ENODEV;
	original = device->netdev_ops;
	copy = kmemdup(original, sizeof(*copy), GFP_KERNEL);
	if (!copy)
		return -ENOMEM;
	device->netdev_ops = copy;
	return 0;
}

static void __exit stop(void)
{
	device->netdev_ops = original;
	kfree(copy);
	dev_put(device);
}

ATTACK(start, stop);
