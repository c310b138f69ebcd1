// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: a block on a notifier chain, whose function is code that belongs to nobody; on the keyboard's chain and that
 * of modules the module's own (how=module). Who: Singularity (module chain: keeps detectors out), keyloggers
 * (keyboard), kits that swallow their own oopses (die, panic) or come back at a reboot. chain=nmi: a handler of NMIs.
 * Changes: the chain; the function does nothing. Undone when it is unloaded.
 */
#include "attack.h"

#include <asm/nmi.h>
#include <linux/inetdevice.h>
#include <linux/kdebug.h>
#include <linux/netdevice.h>
#include <linux/notifier.h>
#include <linux/reboot.h>
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 20, 0)
#include <linux/panic_notifier.h>
#endif

NOBODY_SYMBOLS;
KERNEL_SYMBOL(register_keyboard_notifier);
KERNEL_SYMBOL(unregister_keyboard_notifier);
VARIANT("nobody");
static char *chain = "die";
module_param(chain, charp, 0);

static noinline int hooked_notifier(struct notifier_block *block, unsigned long event, void *data)
{
	return NOTIFY_DONE;
}

static struct notifier_block block;
static struct nmiaction nmi = {.name = "ringside"};

static int change(bool add)
{
	unsigned long keyboard = add ? register_keyboard_notifier_at : unregister_keyboard_notifier_at;

	if (strcmp(chain, "die") == 0)
		return add ? register_die_notifier(&block) : unregister_die_notifier(&block);
	if (strcmp(chain, "panic") == 0)
		return add ? atomic_notifier_chain_register(&panic_notifier_list, &block)
			   : atomic_notifier_chain_unregister(&panic_notifier_list, &block);
	if (strcmp(chain, "reboot") == 0)
		return add ? register_reboot_notifier(&block) : unregister_reboot_notifier(&block);
	if (strcmp(chain, "netdev") == 0)
		return add ? register_netdevice_notifier(&block) : unregister_netdevice_notifier(&block);
	if (strcmp(chain, "inetaddr") == 0)
		return add ? register_inetaddr_notifier(&block) : unregister_inetaddr_notifier(&block);
	if (strcmp(chain, "module") == 0)
		return add ? register_module_notifier(&block) : unregister_module_notifier(&block);
	if (strcmp(chain, "nmi") == 0) {
		if (!add) {
			unregister_nmi_handler(NMI_LOCAL, nmi.name);
			return 0;
		}
		INIT_LIST_HEAD(&nmi.list);
		nmi.handler = (void *)block.notifier_call;
		return __register_nmi_handler(NMI_LOCAL, &nmi);
	}
	if (strcmp(chain, "keyboard") == 0 && keyboard)
		return ((int (*)(struct notifier_block *))keyboard)(&block);
	return -ENOENT;
}

static int __init start(void)
{
	static const u8 code[] = RETURNS(NOTIFY_DONE);

	block.notifier_call = HOW("nobody") ? NOBODY_START(code, sizeof(code)) : (void *)hooked_notifier;
	return block.notifier_call ? change(true) : -ENOENT;
}

static void __exit stop(void)
{
	change(false);
	NOBODY_STOP();
}

ATTACK(start, stop);
