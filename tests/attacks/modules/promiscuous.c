// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: an interface receives everything, asked for from inside the kernel (how=kernel), or for a program's packet
 * socket but without showing it (how=disguised: IFF_PROMISC cleared). Who: sniffers; KBeast's and Adore's filters of
 * what ifconfig shows.
 * Changes: flags and count of the interface dummy0. Undone when it is unloaded.
 */
#include "attack.h"

#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <net/net_namespace.h>

VARIANT("kernel");

static struct net_device *device;

static int __init start(void)
{
	int error;

	device = dev_get_by_name(&init_net, "dummy0");
	if (!device)
		return -ENODEV;
	rtnl_lock();
	error = dev_set_promiscuity(device, 1);
	if (HOW("disguised"))
		device->flags &= ~IFF_PROMISC;
	rtnl_unlock();
	return error;
}

static void __exit stop(void)
{
	rtnl_lock();
	if (HOW("disguised"))
		device->flags |= IFF_PROMISC;
	dev_set_promiscuity(device, -1);
	rtnl_unlock();
	dev_put(device);
}

ATTACK(start, stop);
