// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: a kprobe (how=entry) or a kretprobe (how=return) of the module as a hook. Who: kits that filter what
 * getdents and tcp4_seq_show return; Drovorub's kind.
 * Changes: a probe on the function of swapoff, which nobody calls here. Undone when it is unloaded.
 */
#include "attack.h"

#include <linux/kprobes.h>

VARIANT("entry");

static int hooked_entry(struct kprobe *probe, struct pt_regs *regs)
{
	return 0;
}

static int hooked_return(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	return 0;
}

static struct kprobe probe = {.symbol_name = SWAPOFF, .pre_handler = hooked_entry};
static struct kretprobe return_probe = {.kp.symbol_name = SWAPOFF, .handler = hooked_return};

static int __init start(void)
{
	return HOW("entry") ? register_kprobe(&probe) : register_kretprobe(&return_probe);
}

static void __exit stop(void)
{
	if (HOW("entry"))
		unregister_kprobe(&probe);
	else
		unregister_kretprobe(&return_probe);
}

ATTACK(start, stop);
