// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/hooks/hook.h"

namespace ringside::guest::linux {

/// What will run when a timer expires: timers (kernel/time/timer.c) and high-resolution timers
/// (kernel/time/hrtimer.c) that are armed, of every CPU. `group` is "timer" or "hrtimer", `number` the CPU.
/// Of a delayed work the work's function is a row of its own (slot "work.func").
Result<Hooks> timers(Kernel& kernel);

/// Work that waits or runs: of work queues (kernel/workqueue.c), tasklets (kernel/softirq.c) and irq_work
/// (kernel/irq_work.c). `group` is the queue, `name` the work queue's name where it is known, `number` the
/// CPU or pool.
Result<Hooks> work_items(Kernel& kernel);

/// The functions of softirqs; `name` is the softirq's as /proc/softirqs shows it.
Result<Hooks> softirqs(Kernel& kernel);

/// Who handles interrupts (struct irqaction) and how they flow (irq_desc.handle_irq). `number` is the
/// interrupt, `name` as in /proc/interrupts.
Result<Hooks> interrupt_handlers(Kernel& kernel);

/// What kernel threads run. `name` is the thread's name, `number` its pid.
Result<Hooks> kernel_threads(Kernel& kernel);

}  // namespace ringside::guest::linux
