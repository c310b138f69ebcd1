// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: an object of a file system gets operations of its own: a changed copy in the module's data (how=root_data:
 * file operations of the root of /proc; how=inode: what makes directories there; how=pages: what fills its page cache;
 * how=super: of its super block; how=dentry: of its root's dentry) or in its read-only data (how=root_rodata), or one
 * function of the kernel's own table leads to the module (how=iterate).
 * Who: Adore-ng, Syslogk, Drovorub: iterate of /proc and of the root file system.
 * Changes: that pointer; the copy does what the original does. Undone when it is unloaded.
 */
#include "attack.h"

#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/namei.h>

VARIANT("root_data");

static struct path root;
static struct file_operations copy;
static const struct file_operations *original;
/* As a compiler lays out a const table: read-only once the module is loaded. */
static struct file_operations fixed_copy __ro_after_init;
static struct super_operations super_copy;
static const struct super_operations *original_super;
static struct dentry_operations dentry_copy;
static const struct dentry_operations *original_dentry;
static struct inode_operations inode_copy;
static const struct inode_operations *original_inode;
static struct address_space_operations pages_copy;
static const struct address_space_operations *original_pages;
static int (*original_iterate)(struct file *, struct dir_context *);

static noinline int hooked_iterate(struct file *file, struct dir_context *context)
{
	return original_iterate(file, context);
}

static int __init start(void)
{
	int error = kern_path("/proc", LOOKUP_FOLLOW, &root);
	struct inode *inode;

	if (error)
		return error;
	inode = d_inode(root.dentry);
	original = inode->i_fop;
	original_iterate = original->iterate_shared;
	if (HOW("super")) {
		original_super = root.dentry->d_sb->s_op;
		super_copy = *original_super;
		root.dentry->d_sb->s_op = &super_copy;
	} else if (HOW("inode")) {
		original_inode = inode->i_op;
		inode_copy = *original_inode;
		inode->i_op = &inode_copy;
	} else if (HOW("pages")) {
		original_pages = inode->i_data.a_ops;
		pages_copy = *original_pages;
		inode->i_data.a_ops = &pages_copy;
	} else if (HOW("dentry")) {
		original_dentry = root.dentry->d_op;
		if (original_dentry)
			dentry_copy = *original_dentry;
		root.dentry->d_op = &dentry_copy;
	} else if (HOW("iterate")) {
		write_pointer((void *)&original->iterate_shared, hooked_iterate);
	} else if (HOW("root_rodata")) {
		fixed_copy = *original;
		fixed_copy.iterate_shared = hooked_iterate;
		inode->i_fop = &fixed_copy;
	} else {
		copy = *original;
		copy.iterate_shared = hooked_iterate;
		inode->i_fop = &copy;
	}
	return 0;
}

static void __exit stop(void)
{
	if (HOW("super"))
		root.dentry->d_sb->s_op = original_super;
	else if (HOW("dentry"))
		root.dentry->d_op = original_dentry;
	else if (HOW("inode"))
		d_inode(root.dentry)->i_op = original_inode;
	else if (HOW("pages"))
		d_inode(root.dentry)->i_data.a_ops = original_pages;
	else if (HOW("iterate"))
		write_pointer((void *)&original->iterate_shared, original_iterate);
	else
		d_inode(root.dentry)->i_fop = original;
	path_put(&root);
	msleep(50);
}

ATTACK(start, stop);
