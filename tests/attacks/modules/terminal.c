// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: what receives the letters that are typed into a terminal is replaced, in the table of the line discipline
 * (n_tty) (how=receive); or one terminal gets a discipline that is not registered (how=discipline), or operations that
 * belong to nobody (how=table). Who: KoviD, vlogger: keyloggers.
 * Changes: receive_buf2 of n_tty; the module's calls the original. Undone when it is unloaded.
 */
#include "attack.h"

#include <linux/delay.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/slab.h>
#include <linux/tty.h>
#include <linux/tty_ldisc.h>

VARIANT("receive");

static struct file *file;
static struct tty_struct *terminal;
static struct tty_ldisc_ops *operations;
static void **place, *original, *copy;

static noinline long hooked_receive(void *tty, void *characters, void *flags, long count)
{
	return ((long (*)(void *, void *, void *, long))original)(tty, characters, flags, count);
}

static int __init start(void)
{
	/* The terminal that the guest's shell reads. */
	file = filp_open("/dev/ttyS0", O_RDWR | O_NOCTTY | O_NONBLOCK, 0);
	if (IS_ERR(file))
		return PTR_ERR(file);
	terminal = ((struct tty_file_private *)file->private_data)->tty;
	operations = terminal->ldisc->ops;
	if (HOW("receive")) {
		original = operations->receive_buf2;
		write_pointer(&operations->receive_buf2, hooked_receive);
		return 0;
	}
	if (HOW("discipline")) {
		place = (void **)&terminal->ldisc->ops;
		copy = kmemdup(*place, sizeof(struct tty_ldisc_ops), GFP_KERNEL);
	} else {
		place = (void **)&terminal->ops;
		copy = kmemdup(*place, sizeof(struct tty_operations), GFP_KERNEL);
	}
	if (!copy)
		return -ENOMEM;
	original = *place;
	WRITE_ONCE(*place, copy);
	return 0;
}

static void __exit stop(void)
{
	if (HOW("receive"))
		write_pointer(&operations->receive_buf2, original);
	else
		WRITE_ONCE(*place, original);
	fput(file);
	msleep(50);
	kfree(copy);
}

ATTACK(start, stop);
