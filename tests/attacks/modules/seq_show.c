// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: what makes /proc/net/tcp is replaced: tcp4_seq_ops.show leads to the module (how=show), or .next into the
 * middle of a function of the kernel (how=middle). Who: Adore-ng, suterusu, Nuk3Gh0st, Drovorub: connections hidden.
 * Changes: the pointer in read-only data. The module's function calls the original; nobody reads the file while .next is
 * wrong. Undone when it is unloaded.
 */
#include "attack.h"

#include <linux/delay.h>
#include <linux/seq_file.h>

KERNEL_SYMBOL(tcp4_seq_ops);
VARIANT("show");

static struct seq_operations *operations, original;

static noinline int hooked_show(struct seq_file *file, void *what)
{
	return original.show(file, what);
}

static int __init start(void)
{
	operations = (void *)tcp4_seq_ops_at;
	if (!operations)
		return -ENOENT;
	original = *operations;
	if (HOW("show"))
		write_pointer(&operations->show, hooked_show);
	else
		write_pointer(&operations->next, (void *)original.next + 7);
	return 0;
}

static void __exit stop(void)
{
	write_protected(operations, &original, sizeof(original));
	msleep(50);
}

ATTACK(start, stop);
