// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Technique: a kernel thread (how=thread) or a worker (how=work) that runs code of nobody. Who: loaders that copy their
 * code out of the module and let the module go; Singularity's and Drovorub's threads.
 * Changes: a thread that sleeps. Undone when it is unloaded.
 */
#include "attack.h"

#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/workqueue.h>

NOBODY_SYMBOLS;
VARIANT("thread");

extern const u8 ringside_sleeper[], ringside_sleeper_end[];
#ifdef CONFIG_X86_64
/* do msleep(20); while (!asked_to_stop()); return 0; with the two addresses behind it. */
asm(".pushsection .rodata\n.globl ringside_sleeper, ringside_sleeper_end\nringside_sleeper:\n"
    "push %rbx\n1: mov $20, %edi\ncall *2f(%rip)\ncall *3f(%rip)\ntest %al, %al\njz 1b\nxor %eax, %eax\npop %rbx\n"
    ".byte 0xc3\n.balign 8\n2: .quad msleep\n3: .quad ringside_asked_to_stop\nringside_sleeper_end:\n.popsection\n");

#else
asm(".pushsection .rodata\n.globl ringside_sleeper, ringside_sleeper_end\nringside_sleeper:\n"
    "push %ebx\n1: mov $20, %eax\ncall *2f\ncall *3f\ntest %al, %al\njz 1b\nxor %eax, %eax\npop %ebx\n"
    ".byte 0xc3\nringside_sleeper_end:\n.balign 4\n2: .long msleep\n3: .long ringside_asked_to_stop\n.popsection\n");
#endif

static bool stopping;
bool ringside_asked_to_stop(void);
noinline bool ringside_asked_to_stop(void)
{
	return READ_ONCE(stopping);
}

static struct task_struct *thread;
static struct work_struct work;

static int __init start(void)
{
	void *function = NOBODY_START(ringside_sleeper, ringside_sleeper_end - ringside_sleeper);

	if (!function)
		return -ENOENT;
	if (HOW("work")) {
		INIT_WORK(&work, function);
		queue_work(system_unbound_wq, &work);
		return 0;
	}
	thread = kthread_create(function, NULL, "ringside-attack");
	if (IS_ERR(thread))
		return PTR_ERR(thread);
	get_task_struct(thread);
	wake_up_process(thread);
	return 0;
}

static void __exit stop(void)
{
	WRITE_ONCE(stopping, true);
	if (HOW("work")) {
		flush_work(&work);
	} else {
		kthread_stop(thread);
		put_task_struct(thread);
	}
	NOBODY_STOP();
}

ATTACK(start, stop);
