// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/notifiers.h"

#include "policies/tables/linux/hook_rows.h"
#include "policies/tables/linux/subsystem_tables.h"

namespace ringside::policies {

namespace linux = guest::linux;

Table notifiers_table() {
  return {
      .name = "notifiers",
      .doc =
          "Linux: who is called when something happens: the blocks of notifier chains, and handlers of NMIs.",
      .columns = hook_columns(
          {{"chain", ColumnType::text,
            "the chain: module_notify_list, die_chain; net.* of a network namespace; nmi_*"},
           {"name", ColumnType::text, "of an NMI handler its name; else NULL"},
           {"priority", ColumnType::integer, "the highest is called first; of an NMI handler its place",
            Stability::kept},
           {"netns", ColumnType::integer, "network namespace of its chain, as in /proc/PID/ns/net",
            Stability::kept},
           {"block", ColumnType::address, "its struct notifier_block or nmiaction", Stability::kept}}),
      .pushdown = {},
      .identity = {"chain", "gva"},
      .example = "SELECT chain, symbol, module FROM notifiers WHERE NOT in_text(function)",
      .in_baseline = false,
      .baseline_where = {},
      .fill = fill_hooks<linux::notifiers, HookColumn::group, HookColumn::name, HookColumn::number,
                         HookColumn::netns, HookColumn::object>};
}

}  // namespace ringside::policies
