// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: a timer (how=timer), a high-resolution timer (how=hrtimer) or delayed work (how=work) that runs code of
 * nobody. Who: KoviD and others hide again and again from delayed work; code that comes back by itself.
 * Changes: the queue of timers; it would fire in an hour. Undone when it is unloaded.
 */
#include "attack.h"

#include <linux/hrtimer.h>
#include <linux/timer.h>
#include <linux/workqueue.h>

NOBODY_SYMBOLS;
VARIANT("timer");
static struct timer_list timer;
static struct hrtimer precise;
static struct delayed_work work;

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#define timer_delete_sync del_timer_sync
#endif

static int __init start(void)
{
	static const u8 code[] = RETURNS(0);
	void *function = NOBODY_START(code, sizeof(code));

	if (!function)
		return -ENOENT;
	if (HOW("timer")) {
		timer_setup(&timer, function, 0);
		mod_timer(&timer, jiffies + 3600 * HZ);
	} else if (HOW("hrtimer")) {
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
		hrtimer_setup(&precise, function, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
#else
		hrtimer_init(&precise, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
		precise.function = function;
#endif
		hrtimer_start(&precise, ktime_set(3600, 0), HRTIMER_MODE_REL);
	} else {
		INIT_DELAYED_WORK(&work, function);
		schedule_delayed_work(&work, 3600 * HZ);
	}
	return 0;
}

static void __exit stop(void)
{
	if (HOW("timer"))
		timer_delete_sync(&timer);
	else if (HOW("hrtimer"))
		hrtimer_cancel(&precise);
	else
		cancel_delayed_work_sync(&work);
	NOBODY_STOP();
}

ATTACK(start, stop);
