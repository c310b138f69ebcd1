// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: one more loader of programs, whose function is code of nobody: it is asked at every exec.
 * Who: "binfmt" rootkits (published as a way to persist without hooks).
 * Changes: the list of formats; the function knows no format. Undone when it is unloaded.
 */
#include "attack.h"

#include <linux/binfmts.h>

NOBODY_SYMBOLS;
static struct linux_binfmt format = {.module = THIS_MODULE};

static int __init start(void)
{
	static const u8 code[] = RETURNS(-ENOEXEC);

	format.load_binary = NOBODY_START(code, sizeof(code));
	if (!format.load_binary)
		return -ENOENT;
	register_binfmt(&format);
	return 0;
}

static void __exit stop(void)
{
	unregister_binfmt(&format);
	NOBODY_STOP();
}

ATTACK(start, stop);
