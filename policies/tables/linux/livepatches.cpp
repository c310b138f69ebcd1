// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/livepatches.h"

#include "policies/tables/linux/trace_cells.h"
#include "policies/tables/linux/trace_tables.h"

namespace ringside::policies {

namespace {

namespace linux = guest::linux;

enum : std::size_t {
  kEntry,
  kPatch,
  kObject,
  kName,
  kListed,
  kActive,
  kEnabled,
  kOldFunction,
  kOldSymbol,
  kFunction,
  kNames
};

Result<void> fill(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink) {
  RINGSIDE_TRY(auto* kernel, linux::Kernel::of(snapshot));
  RINGSIDE_TRY(const auto all, linux::livepatch_functions(*kernel));
  report_problems(all, sink);
  AddressNames names(snapshot, request, kNames, sink);
  for (const auto& one : all.entries)
    if (!add_named(
            sink, names,
            {cell(one.address.value), cell_or_null(one.patch),
             one.object ? text_cell(*one.object) : null_cell(), cell(one.name), boolean_cell(one.listed),
             boolean_cell(one.active), boolean_cell(one.enabled), pointer_cell(one.old_function),
             symbol_cell(*kernel, one.old_function, request.uses(kOldSymbol))},
            one.function))
      break;
  return {};
}

}  // namespace

Table livepatches_table() {
  return {.name = "livepatches",
          .doc = "Linux: functions that live patching replaces, by its patches and by what it really calls.",
          .columns = with_address_names(
              {{"entry", ColumnType::address, "the struct klp_func", Stability::kept},
               {"patch", ColumnType::text, "the module that is the patch; NULL if none lists the function"},
               {"object", ColumnType::text, "the module that is patched; NULL: the kernel image"},
               {"name", ColumnType::text, "of the old function"},
               {"listed", ColumnType::boolean, "a patch in klp_patches has it"},
               {"active", ColumnType::boolean, "it stands among what is called (klp_ops)"},
               {"enabled", ColumnType::boolean, "the patch is enabled; NULL if there is none"},
               {"old_function", ColumnType::address, "NULL: of a module that is not loaded", Stability::kept},
               {"old_symbol", ColumnType::text, "what stands there", Stability::kept},
               {"function", ColumnType::address, "what is called instead; NULL: the old one stays",
                Stability::kept}}),
          .pushdown = {},
          .identity = {"entry"},
          .example = "SELECT patch, old_symbol, symbol FROM livepatches WHERE active",
          .in_baseline = false,
          .baseline_where = {},
          .fill = fill};
}

}  // namespace ringside::policies
