// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/files.h"
#include "policies/tables/linux/hook_rows.h"
#include "policies/tables/linux/subsystem_tables.h"

namespace ringside::policies {

namespace linux = guest::linux;

Table proc_entries_table() {
  return {.name = "proc_entries",
          .doc = "Linux: what stands behind the files of /proc that subsystems and modules register.",
          .columns = hook_columns(
              {{"path", ColumnType::text, "/proc/net/tcp; of every network namespace the same path"},
               {"slot", ColumnType::text, "proc_iops, proc_ops, proc_dops, seq_ops, single_show, write"},
               {"kind", ColumnType::text, "function, or table: the pointer leads to a table of functions"},
               {"entry", ColumnType::address, "its struct proc_dir_entry", Stability::kept}},
              "pointer", "what it holds"),
          .pushdown = {},
          .identity = {"gva"},
          .example = "SELECT path, slot, symbol FROM proc_entries WHERE path LIKE '/proc/net/%'",
          .in_baseline = true,
          .baseline_where = "module IS NULL",
          .fill = fill_hooks<linux::proc_entries, HookColumn::name, HookColumn::slot, HookColumn::kind,
                             HookColumn::object>};
}

Table sequence_operations_table() {
  return {
      .name = "sequence_operations",
      .doc =
          "Linux: the functions that make the text of files like /proc/net/tcp, /proc/modules and "
          "/proc/kallsyms.",
      .columns =
          hook_columns({{"name", ColumnType::text,
                         "symbol of the table (struct seq_operations) or path of a file that has it"},
                        {"slot", ColumnType::text, "start, stop, next, show"},
                        {"table_gva", ColumnType::address, "where the table stands", Stability::kept}}),
      .pushdown = {},
      .identity = {"gva"},
      .example = "SELECT name, slot, symbol FROM sequence_operations WHERE name LIKE '%tcp%'",
      .in_baseline = false,
      .baseline_where = {},
      .fill = fill_hooks<linux::sequence_operations, HookColumn::name, HookColumn::slot, HookColumn::object>};
}

Table file_operations_table() {
  return {
      .name = "file_operations",
      .doc = "Linux: which tables of operations the file systems in use, their roots and open files have.",
      .columns =
          hook_columns({{"object", ColumnType::text,
                         "super_block, root (dentry and inode of a file system), file (open, and its inode)"},
                        {"name", ColumnType::text,
                         "type of the file system; of a file a process and descriptor that has it open"},
                        {"slot", ColumnType::text,
                         "s_op, s_d_op, d_op, i_op, i_fop, f_op, a_ops (of the page cache), ..."}},
                       "pointer", "the table"),
      .pushdown = {},
      .identity = {"gva"},
      .example = "SELECT name, slot, symbol FROM file_operations WHERE object = 'root'",
      .in_baseline = false,
      .baseline_where = {},
      .fill = fill_hooks<linux::file_operations, HookColumn::group, HookColumn::name, HookColumn::slot>};
}

Table operation_functions_table() {
  return {.name = "operation_functions",
          .doc =
              "Linux: the functions in the tables of operations that files, file systems, /proc and devices "
              "have, each table once.",
          .columns = hook_columns(
              {{"type", ColumnType::text, "of the table: file_operations, inode_operations, proc_ops, ..."},
               {"name", ColumnType::text, "an object that has it: root proc"},
               {"slot", ColumnType::text, "iterate_shared, open, lookup, ..."},
               {"table_gva", ColumnType::address, "where the table stands", Stability::kept}}),
          .pushdown = {},
          .identity = {"gva"},
          .example = "SELECT type, slot, symbol FROM operation_functions WHERE name = 'root proc'",
          .in_baseline = false,
          .baseline_where = {},
          .fill = fill_hooks<linux::operation_functions, HookColumn::group, HookColumn::name,
                             HookColumn::slot, HookColumn::object>};
}

Table file_systems_table() {
  return {.name = "file_systems",
          .doc = "Linux: functions of the file systems that can be mounted.",
          .columns = hook_columns(
              {{"name", ColumnType::text, "as mount -t has it"},
               {"slot", ColumnType::text, "init_fs_context, mount, kill_sb, ..."},
               {"type_gva", ColumnType::address, "its struct file_system_type", Stability::kept}}),
          .pushdown = {},
          .identity = {"gva"},
          .example = "SELECT name, symbol FROM file_systems WHERE slot = 'kill_sb'",
          .in_baseline = false,
          .baseline_where = {},
          .fill = fill_hooks<linux::file_systems, HookColumn::name, HookColumn::slot, HookColumn::object>};
}

Table binary_formats_table() {
  return {
      .name = "binary_formats",
      .doc = "Linux: who is asked to load a program, in that order.",
      .columns = hook_columns({{"place", ColumnType::integer, "0 is asked first"},
                               {"slot", ColumnType::text, "load_binary, load_shlib, core_dump"},
                               {"format", ColumnType::address, "its struct linux_binfmt", Stability::kept}}),
      .pushdown = {},
      .identity = {"gva"},
      .example = "SELECT place, symbol, module FROM binary_formats WHERE slot = 'load_binary'",
      .in_baseline = false,
      .baseline_where = {},
      .fill = fill_hooks<linux::binary_formats, HookColumn::number, HookColumn::slot, HookColumn::object>};
}

Table character_devices_table() {
  return {.name = "character_devices",
          .doc = "Linux: operations of character devices.",
          .columns = hook_columns(
              {{"list", ColumnType::text, "chrdevs, cdev_map, misc_list"},
               {"name", ColumnType::text, "as in /proc/devices or /proc/misc"},
               {"number", ColumnType::integer, "device number: major << 20 | minor"},
               {"slot", ColumnType::text, "ops, fops; get: a function that finds the device"},
               {"kind", ColumnType::text, "function, or table: the pointer leads to a table of functions"}},
              "pointer", "what it holds"),
          .pushdown = {},
          .identity = {"gva"},
          .example = "SELECT name, number >> 20 AS major, symbol FROM character_devices",
          .in_baseline = false,
          .baseline_where = {},
          .fill = fill_hooks<linux::character_devices, HookColumn::group, HookColumn::name,
                             HookColumn::number, HookColumn::slot, HookColumn::kind>};
}

}  // namespace ringside::policies
