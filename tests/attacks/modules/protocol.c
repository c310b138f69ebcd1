// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: a function of a protocol leads to the module. Who: kits that see what programs send (hooks of tcp_prot).
 * Changes: udp_prot.ioctl, which nobody calls here; the module's calls the original. Undone when it is unloaded.
 */
#include "attack.h"

#include <net/sock.h>
#include <net/udp.h>

static void *original;

static noinline long hooked_ioctl(void *socket, long command, void *argument)
{
	return ((long (*)(void *, long, void *))original)(socket, command, argument);
}

static int __init start(void)
{
	original = udp_prot.ioctl;
	write_pointer(&udp_prot.ioctl, hooked_ioctl);
	return 0;
}

static void __exit stop(void)
{
	write_pointer(&udp_prot.ioctl, original);
}

ATTACK(start, stop);
