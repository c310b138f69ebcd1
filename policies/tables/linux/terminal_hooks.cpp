// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/terminals.h"
#include "policies/tables/linux/hook_rows.h"
#include "policies/tables/linux/subsystem_tables.h"

namespace ringside::policies {

namespace linux = guest::linux;

Table line_disciplines_table() {
  return {
      .name = "line_disciplines",
      .doc =
          "Linux: the functions of line disciplines, through which all goes that is typed into a terminal.",
      .columns =
          hook_columns({{"number", ColumnType::integer, "N_*: 0 N_TTY"},
                        {"name", ColumnType::text, "n_tty"},
                        {"slot", ColumnType::text, "read, write, receive_buf, ..."},
                        {"discipline", ColumnType::address, "its struct tty_ldisc_ops", Stability::kept}}),
      .pushdown = {},
      .identity = {"gva"},
      .example = "SELECT name, slot, symbol FROM line_disciplines WHERE slot = 'receive_buf'",
      .in_baseline = false,
      .baseline_where = {},
      .fill = fill_hooks<linux::line_disciplines, HookColumn::number, HookColumn::name, HookColumn::slot,
                         HookColumn::object>};
}

Table tty_drivers_table() {
  return {
      .name = "tty_drivers",
      .doc = "Linux: which tables the drivers of terminals and the terminals themselves use.",
      .columns = hook_columns(
          {{"list", ColumnType::text,
            "tty_drivers; tty: a terminal of a driver, or the controlling one of a process"},
           {"name", ColumnType::text, "of driver or terminal: ttyS0"},
           {"slot", ColumnType::text, "ops; of a terminal also ldisc: one of the line disciplines"},
           {"object", ColumnType::address, "struct tty_driver, tty_struct or tty_ldisc", Stability::kept}},
          "pointer", "the table"),
      .pushdown = {},
      .identity = {"gva"},
      .example = "SELECT name, slot, symbol FROM tty_drivers WHERE list = 'tty'",
      .in_baseline = false,
      .baseline_where = {},
      .fill = fill_hooks<linux::tty_drivers, HookColumn::group, HookColumn::name, HookColumn::slot,
                         HookColumn::object>};
}

Table input_handlers_table() {
  return {
      .name = "input_handlers",
      .doc = "Linux: functions that get what is typed and moved, and those of input devices.",
      .columns = hook_columns({{"list", ColumnType::text, "input_handler_list, input_dev_list"},
                               {"name", ColumnType::text, "of handler or device: kbd, sysrq, evdev"},
                               {"slot", ColumnType::text, "event, filter, connect, ..."}}),
      .pushdown = {},
      .identity = {"gva"},
      .example = "SELECT name, slot, symbol, module FROM input_handlers WHERE list = 'input_handler_list'",
      .in_baseline = false,
      .baseline_where = {},
      .fill = fill_hooks<linux::input_handlers, HookColumn::group, HookColumn::name, HookColumn::slot>};
}

Table sysrq_keys_table() {
  return {.name = "sysrq_keys",
          .doc = "Linux: what the magic SysRq keys do.",
          .columns =
              hook_columns({{"key", ColumnType::text, "the key"},
                            {"operation", ColumnType::address, "its struct sysrq_key_op", Stability::kept}}),
          .pushdown = {},
          .identity = {"gva"},
          .example = "SELECT key, symbol FROM sysrq_keys",
          .in_baseline = false,
          .baseline_where = {},
          .fill = fill_hooks<linux::sysrq_keys, HookColumn::name, HookColumn::object>};
}

}  // namespace ringside::policies
