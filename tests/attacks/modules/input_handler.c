// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: a handler of input events whose code belongs to nobody. Who: keyloggers by input_register_handler().
 * Changes: the list of handlers; it asks for no device. Undone when it is unloaded.
 */
#include "attack.h"

#include <linux/input.h>

NOBODY_SYMBOLS;
static void disconnect(struct input_handle *handle)
{
}
/* EV_MAX: no device has it. */
static const struct input_device_id ids[] = {{.flags = INPUT_DEVICE_ID_MATCH_EVBIT, .evbit = {BIT_MASK(EV_MAX)}}, {}};
static int connect(struct input_handler *handler, struct input_dev *device, const struct input_device_id *id)
{
	return -ENODEV;
}
static struct input_handler handler = {
	.connect = connect, .disconnect = disconnect, .name = "ringside", .id_table = ids};

static int __init start(void)
{
	static const u8 code[] = RETURNS(0);

	handler.event = NOBODY_START(code, sizeof(code));
	return handler.event ? input_register_handler(&handler) : -ENOENT;
}

static void __exit stop(void)
{
	input_unregister_handler(&handler);
	NOBODY_STOP();
}

ATTACK(start, stop);
