// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: the kernel calls code of nobody when a CPU comes or goes (how=cpu), or when somebody asks to measure something
 * (how=measure: a unit for perf). Who: no kit that is known; ways to come back that nobody looks at.
 * Changes: the states that CPUs go through, or the list of units. Undone when it is unloaded.
 */
#include "attack.h"

#include <linux/cpuhotplug.h>
#include <linux/perf_event.h>

NOBODY_SYMBOLS;
VARIANT("cpu");
static int state;
static struct pmu unit;

static int __init start(void)
{
	static const u8 code[] = RETURNS(-ENOENT);
	static const u8 cpu_code[] = RETURNS(0);
	void *function = HOW("cpu") ? NOBODY_START(cpu_code, sizeof(cpu_code)) : NOBODY_START(code, sizeof(code));

	if (!function)
		return -ENOENT;
	if (HOW("cpu")) {
		state = cpuhp_setup_state_nocalls(CPUHP_AP_ONLINE_DYN, "ringside:attack", function, function);
		return state < 0 ? state : 0;
	}
	unit.task_ctx_nr = perf_invalid_context;
	unit.module = THIS_MODULE;
	unit.event_init = function;
	unit.add = function;
	unit.del = function;
	unit.start = function;
	unit.stop = function;
	unit.read = function;
	return perf_pmu_register(&unit, "ringside_attack", -1);
}

static void __exit stop(void)
{
	if (HOW("cpu"))
		cpuhp_remove_state_nocalls(state);
	else
		perf_pmu_unregister(&unit);
	NOBODY_STOP();
}

ATTACK(start, stop);
