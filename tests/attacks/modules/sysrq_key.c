// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: a SysRq key runs code that belongs to nobody. Who: backdoors at the console.
 * Changes: the key 'x', which x86 leaves free. Undone when it is unloaded.
 */
#include "attack.h"

#include <linux/sysrq.h>

NOBODY_SYMBOLS;
/* Its members are const, and one is only known when the module is loaded. */
static char memory[sizeof(struct sysrq_key_op)] __aligned(8);
static struct sysrq_key_op *const operation = (void *)memory;

static int __init start(void)
{
	static const u8 code[] = RETURNS(0);

	void *function = NOBODY_START(code, sizeof(code));
	struct sysrq_key_op filled = {.handler = function, .help_msg = "ringside(x)", .action_msg = "ringside"};

	memcpy(memory, &filled, sizeof(filled));
	return function ? register_sysrq_key('x', operation) : -ENOENT;
}

static void __exit stop(void)
{
	unregister_sysrq_key('x', operation);
	NOBODY_STOP();
}

ATTACK(start, stop);
