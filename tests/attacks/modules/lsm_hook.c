// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: one more security hook, of the module: a list entry, or where hooks are static calls (6.12) a free place of
 * the table; there also the call alone, which the table does not show (how=call). Who: kits that hide files and keep detectors from opening things, by hooks of access checks.
 * Changes: the hook of setting the time; the module's lets it pass. Undone when it is unloaded.
 */
#include "attack.h"

#include <linux/lsm_hooks.h>

VARIANT("hook");

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#include <linux/static_call.h>

KERNEL_SYMBOL(static_calls_table);

static noinline int hooked_settime(const struct timespec64 *time, const struct timezone *zone)
{
	return 0;
}

static struct security_hook_list hook = {.hook.settime = hooked_settime};
static struct lsm_static_call *place;
static void *original;

static int __init start(void)
{
	struct lsm_static_calls_table *table = (void *)static_calls_table_at;
	int i;

	if (!table)
		return -ENOENT;
	for (i = 0; i < ARRAY_SIZE(table->settime) && !place; ++i)
		if (!table->settime[i].hl)
			place = &table->settime[i];
	if (!place)
		return -ESRCH;
	if (!HOW("call"))
		write_pointer(&place->hl, &hook);
	original = place->key->func;
	__static_call_update(place->key, place->trampoline, hooked_settime);
	static_key_enable(&place->active->key);
	return 0;
}

static void __exit stop(void)
{
	static_key_disable(&place->active->key);
	__static_call_update(place->key, place->trampoline, original);
	write_pointer(&place->hl, NULL);
	synchronize_rcu();
}
#else
KERNEL_SYMBOL(security_hook_heads);

static noinline int hooked_settime(const struct timespec64 *time, const struct timezone *zone)
{
	return 0;
}

static struct security_hook_list hook = {.hook.settime = hooked_settime};

static int __init start(void)
{
	struct hlist_head *head;

	if (!security_hook_heads_at || HOW("call"))
		return -ENOENT;
	head = &((struct security_hook_heads *)security_hook_heads_at)->settime;
	hook.head = head;
	hook.list.next = head->first;
	hook.list.pprev = &head->first;
	if (head->first)
		write_pointer(&head->first->pprev, &hook.list.next);
	write_pointer(&head->first, &hook.list);
	return 0;
}

static void __exit stop(void)
{
	write_pointer(&hook.head->first, hook.list.next);
	if (hook.list.next)
		write_pointer(&hook.list.next->pprev, &hook.head->first);
	synchronize_rcu();
}
#endif

ATTACK(start, stop);
