// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: a probe of the kernel in a program of user mode. Who: TripleCross, ebpfkit (through BPF), keyloggers on
 * readline() of shells.
 * Changes: a breakpoint at the entry of /bin/lab. Undone when it is unloaded.
 */
#include "attack.h"

#include <linux/elf.h>
#include <linux/fs.h>
#include <linux/namei.h>
#include <linux/uprobes.h>

static noinline int hooked_uprobe(void)
{
	return 0;
}

static struct uprobe_consumer consumer = {.handler = (void *)hooked_uprobe};
static struct inode *inode;
static loff_t offset;
static struct uprobe *__maybe_unused registered;

/* Where in the file the program begins. */
static int __init find(void)
{
	struct file *file = filp_open("/bin/lab", O_RDONLY, 0);
	struct elfhdr header;
	struct elf_phdr segment;
	loff_t at = 0;
	int i;

	if (IS_ERR(file))
		return PTR_ERR(file);
	if (kernel_read(file, &header, sizeof(header), &at) == sizeof(header)) {
		for (i = 0; i < header.e_phnum; ++i) {
			at = header.e_phoff + i * sizeof(segment);
			if (kernel_read(file, &segment, sizeof(segment), &at) != sizeof(segment))
				break;
			if (segment.p_type == PT_LOAD && header.e_entry - segment.p_vaddr < segment.p_filesz)
				offset = header.e_entry - segment.p_vaddr + segment.p_offset;
		}
	}
	inode = igrab(file_inode(file));
	filp_close(file, NULL);
	return offset ? 0 : -ESRCH;
}

static int __init start(void)
{
	int error = find();

	if (error)
		return error;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	registered = uprobe_register(inode, offset, 0, &consumer);
	return PTR_ERR_OR_ZERO(registered);
#else
	return uprobe_register(inode, offset, &consumer);
#endif
}

static void __exit stop(void)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	uprobe_unregister_nosync(registered, &consumer);
	uprobe_unregister_sync();
#else
	uprobe_unregister(inode, offset, &consumer);
#endif
	iput(inode);
}

ATTACK(start, stop);
