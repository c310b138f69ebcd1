// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: what receives the letters that are typed into a terminal is replaced, in the table of the line discipline
 * (n_tty). Who: KoviD, vlogger: keyloggers.
 * Changes: receive_buf2 of n_tty; the module's calls the original. Undone when it is unloaded.
 */
#include "attack.h"

#include <linux/delay.h>
#include <linux/tty.h>
#include <linux/tty_ldisc.h>

KERNEL_SYMBOL(n_tty_ops);

static struct tty_ldisc_ops *operations;
static void *original;
static noinline long hooked_receive(void *tty, void *characters, void *flags, long count)
{
	return ((long (*)(void *, void *, void *, long))original)(tty, characters, flags, count);
}

static int __init start(void)
{
	operations = (void *)n_tty_ops_at;
	if (!operations || !operations->receive_buf2)
		return -ENOENT;
	original = operations->receive_buf2;
	write_pointer(&operations->receive_buf2, hooked_receive);
	return 0;
}

static void __exit stop(void)
{
	write_pointer(&operations->receive_buf2, original);
	msleep(50);
}

ATTACK(start, stop);
