// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: an interface has operations of its own, a changed copy of the driver's (how=table), or gives what it receives
 * to code of nobody (how=receive). Who: kits that hide traffic or send
 * their own (ndo_start_xmit).
 * Changes: netdev_ops or the handler of dummy0, which is down. Undone when it is unloaded.
 */
#include "attack.h"

#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>
#include <net/net_namespace.h>

NOBODY_SYMBOLS;
VARIANT("table");
static struct net_device *device;
static const struct net_device_ops *original, *copy;

static int __init start(void)
{
	static const u8 code[] = RETURNS(RX_HANDLER_PASS);
	int error;

	device = dev_get_by_name(&init_net, "dummy0");
	if (!device)
		return -ENODEV;
	if (HOW("receive")) {
		void *function = NOBODY_START(code, sizeof(code));

		if (!function)
			return -ENOENT;
		rtnl_lock();
		error = netdev_rx_handler_register(device, function, NULL);
		rtnl_unlock();
		return error;
	}
	original = device->netdev_ops;
	copy = kmemdup(original, sizeof(*copy), GFP_KERNEL);
	if (!copy)
		return -ENOMEM;
	device->netdev_ops = copy;
	return 0;
}

static void __exit stop(void)
{
	if (HOW("receive")) {
		rtnl_lock();
		netdev_rx_handler_unregister(device);
		rtnl_unlock();
		NOBODY_STOP();
	} else {
		device->netdev_ops = original;
		kfree(copy);
	}
	dev_put(device);
}

ATTACK(start, stop);
