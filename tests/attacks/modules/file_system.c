// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: a file system that is mounted by code of nobody. Who: loaders that keep their files in a file system of
 * their own.
 * Changes: the list of file systems; nobody mounts this one. Undone when it is unloaded.
 */
#include "attack.h"

#include <linux/fs.h>

NOBODY_SYMBOLS;
static struct file_system_type type = {.owner = THIS_MODULE, .name = "ringside_attack"};

static int __init start(void)
{
	static const u8 code[] = RETURNS(-ENODEV);

	type.init_fs_context = NOBODY_START(code, sizeof(code));
	return type.init_fs_context ? register_filesystem(&type) : -ENOENT;
}

static void __exit stop(void)
{
	unregister_filesystem(&type);
	NOBODY_STOP();
}

ATTACK(start, stop);
