// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: the handler of an interrupt is code that belongs to nobody. Who: keyloggers that share the keyboard's
 * interrupt.
 * Changes: the first free line of the old interrupt controllers, which no device raises. Undone when it is unloaded.
 */
#include "attack.h"

#include <linux/interrupt.h>

NOBODY_SYMBOLS;
static int line = -1;

static int __init start(void)
{
	static const u8 code[] = RETURNS(IRQ_NONE);
	static const int candidates[] = {5, 7, 3, 10, 11, 9};
	void *function = NOBODY_START(code, sizeof(code));
	unsigned int i;

	if (!function)
		return -ENOENT;
	for (i = 0; i < ARRAY_SIZE(candidates); ++i) {
		if (request_irq(candidates[i], function, 0, "ringside-attack", &line) != 0)
			continue;
		line = candidates[i];
		return 0;
	}
	NOBODY_STOP();
	return -EBUSY;
}

static void __exit stop(void)
{
	free_irq(line, &line);
	NOBODY_STOP();
}

ATTACK(start, stop);
