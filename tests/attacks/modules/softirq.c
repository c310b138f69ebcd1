// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: a softirq leads to the module. Who: kits that see packets before anybody else (NET_RX), or want to run often.
 * Changes: softirq_vec[5] (IRQ_POLL), which nothing raises here; the module's calls the original. Undone when unloaded.
 */
#include "attack.h"

#include <linux/interrupt.h>

KERNEL_SYMBOL(softirq_vec);

static void **place, *original;

static noinline void hooked_softirq(void *action)
{
	((void (*)(void *))original)(action);
}

static int __init start(void)
{
	place = (void **)softirq_vec_at + IRQ_POLL_SOFTIRQ;
	if (!softirq_vec_at || !*place)
		return -ENOENT;
	original = *place;
	write_pointer(place, hooked_softirq);
	return 0;
}

static void __exit stop(void)
{
	write_pointer(place, original);
}

ATTACK(start, stop);
