// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: a character device whose table of operations belongs to nobody (how=table), or that is found by code of nobody
 * (how=finder). Who: kits that are told what to do by a device (Adore-ng's successors, Drovorub).
 * Changes: the kernel's tables of devices, at a number that nobody uses; there is no file for it. Undone when unloaded.
 */
#include "attack.h"

#include <linux/cdev.h>
#include <linux/fs.h>
#include <linux/slab.h>

VARIANT("table");
NOBODY_SYMBOLS;
KERNEL_SYMBOL(cdev_map);

/* drivers/base/map.c */
struct probe {
	struct probe *next;
	dev_t dev;
	unsigned long range;
	struct module *owner;
	void *get;
};

static dev_t number;
static struct cdev *device;
static struct file_operations *operations;
static struct probe *place;
static void *original;

static int __init start(void)
{
	static const u8 code[] = RETURNS(0);
	static const struct file_operations none;
	int error;

	if (HOW("finder") && !cdev_map_at)
		return -ENOENT;
	error = alloc_chrdev_region(&number, 0, 1, "ringside_attack");
	if (error)
		return error;
	device = cdev_alloc();
	operations = kmemdup(&none, sizeof(none), GFP_KERNEL);
	if (!device || !operations)
		return -ENOMEM;
	device->owner = THIS_MODULE;
	device->ops = HOW("table") ? operations : &none;
	error = cdev_add(device, number, 1);
	if (error || HOW("table"))
		return error;
	/* struct kobj_map: an array of chains by major number. */
	for (place = (*(struct probe ***)cdev_map_at)[MAJOR(number) % 255]; place; place = place->next) {
		if (place->dev != number)
			continue;
		original = place->get;
		place->get = NOBODY_START(code, sizeof(code));
		return 0;
	}
	return -ESRCH;
}

static void __exit stop(void)
{
	if (place)
		place->get = original;
	cdev_del(device);
	unregister_chrdev_region(number, 1);
	kfree(operations);
	NOBODY_STOP();
}

ATTACK(start, stop);
