// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/callbacks.h"
#include "guest/linux/hooks/execution.h"
#include "policies/tables/linux/hook_rows.h"
#include "policies/tables/linux/subsystem_tables.h"

namespace ringside::policies {

namespace linux = guest::linux;

Table timers_table() {
  return {.name = "timers",
          .doc = "Linux: what will run when a timer expires.",
          .columns = hook_columns(
              {{"kind", ColumnType::text, "timer, hrtimer", Stability::live},
               {"cpu", ColumnType::integer, "the CPU that it is armed on", Stability::live},
               {"slot", ColumnType::text, "function; work.func: of a delayed work", Stability::live},
               {"timer", ColumnType::address, "its struct timer_list, delayed_work or hrtimer",
                Stability::live}}),
          .pushdown = {},
          .identity = {"gva"},
          .example = "SELECT kind, symbol, count(*) FROM timers GROUP BY kind, symbol",
          .in_baseline = false,
          .baseline_where = {},
          .fill = fill_hooks<linux::timers, HookColumn::group, HookColumn::number, HookColumn::slot,
                             HookColumn::object>};
}

Table work_items_table() {
  return {
      .name = "work_items",
      .doc = "Linux: work that waits or runs: of work queues, tasklets and irq_work.",
      .columns = hook_columns(
          {{"queue", ColumnType::text,
            "worklist, worker (runs now), inactive_works, tasklet_vec, raised_list, ...", Stability::live},
           {"name", ColumnType::text, "of the work queue, where it is known", Stability::live},
           {"number", ColumnType::integer, "pool, or CPU", Stability::live},
           {"item", ColumnType::address, "the struct that holds it", Stability::live}}),
      .pushdown = {},
      .identity = {"gva"},
      .example = "SELECT queue, name, symbol FROM work_items",
      .in_baseline = false,
      .baseline_where = {},
      .fill = fill_hooks<linux::work_items, HookColumn::group, HookColumn::name, HookColumn::number,
                         HookColumn::object>};
}

Table softirqs_table() {
  return {.name = "softirqs",
          .doc = "Linux: the functions of softirqs.",
          .columns = hook_columns({{"number", ColumnType::integer, "from 0"},
                                   {"name", ColumnType::text, "as /proc/softirqs has it"}}),
          .pushdown = {},
          .identity = {"number"},
          .example = "SELECT name, symbol FROM softirqs",
          .in_baseline = false,
          .baseline_where = {},
          .fill = fill_hooks<linux::softirqs, HookColumn::number, HookColumn::name>};
}

Table interrupt_handlers_table() {
  return {.name = "interrupt_handlers",
          .doc = "Linux: who handles interrupts, and how they flow.",
          .columns = hook_columns(
              {{"irq", ColumnType::integer, "as in /proc/interrupts"},
               {"name", ColumnType::text, "of the handler"},
               {"slot", ColumnType::text, "handle_irq, handler, thread_fn"},
               {"object", ColumnType::address, "its struct irq_desc or irqaction", Stability::kept}}),
          .pushdown = {},
          .identity = {"gva"},
          .example = "SELECT irq, name, symbol, module FROM interrupt_handlers WHERE slot = 'handler'",
          .in_baseline = false,
          .baseline_where = {},
          .fill = fill_hooks<linux::interrupt_handlers, HookColumn::number, HookColumn::name,
                             HookColumn::slot, HookColumn::object>};
}

Table kernel_threads_table() {
  return {
      .name = "kernel_threads",
      .doc = "Linux: what kernel threads run.",
      .columns = hook_columns({{"pid", ColumnType::integer, "of the thread"},
                               {"comm", ColumnType::text, "its name"},
                               {"task", ColumnType::address, "its task_struct", Stability::kept}}),
      .pushdown = {},
      .identity = {"pid"},
      .example = "SELECT comm, symbol, module FROM kernel_threads WHERE NOT in_text(function)",
      .in_baseline = false,
      .baseline_where = {},
      .fill = fill_hooks<linux::kernel_threads, HookColumn::number, HookColumn::name, HookColumn::object>};
}

Table kernel_callbacks_table() {
  return {.name = "kernel_callbacks",
          .doc =
              "Linux: what is called when CPUs come and go, when the system sleeps, to read the time and to "
              "measure.",
          .columns = hook_columns(
              {{"list", ColumnType::text,
                "cpuhp_hp_states, syscore_ops_list or syscore_list, clocksource_list, clockevent_devices, "
                "pmu_idr"},
               {"name", ColumnType::text, "of the object, where it has one"},
               {"number", ColumnType::integer, "of cpuhp_hp_states the state, of pmu_idr the type"},
               {"slot", ColumnType::text, "startup, read, event_init, ..."}}),
          .pushdown = {},
          .identity = {"gva"},
          .example = "SELECT list, name, slot, symbol FROM kernel_callbacks WHERE module IS NOT NULL",
          .in_baseline = false,
          .baseline_where = {},
          .fill = fill_hooks<linux::kernel_callbacks, HookColumn::group, HookColumn::name, HookColumn::number,
                             HookColumn::slot>};
}

}  // namespace ringside::policies
