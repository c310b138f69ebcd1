// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/ftrace_ops.h"

#include "policies/tables/linux/trace_cells.h"
#include "policies/tables/linux/trace_tables.h"

#include <array>
#include <utility>

namespace ringside::policies {

namespace {

namespace linux = guest::linux;

enum : std::size_t {
  kChain,
  kSlot,
  kOps,
  kOpsSymbol,
  kUser,
  kFlags,
  kFlagNames,
  kDirect,
  kTrampoline,
  kTrampolineSize,
  kFiltered,
  kExcluded,
  kFunction,
  kNames
};

/// Whose work a function of the kernel does, by its name.
std::string_view user_of(std::string_view function) {
  using Known = std::pair<std::string_view, std::string_view>;
  static constexpr std::array kUsers = {Known{"ftrace_stub", "nobody"},
                                        Known{"function_trace_call", "function tracer"},
                                        Known{"function_stack_trace_call", "function tracer"},
                                        Known{"function_no_repeats_trace_call", "function tracer"},
                                        Known{"function_stack_no_repeats_trace_call", "function tracer"},
                                        Known{"function_args_trace_call", "function tracer"},
                                        Known{"function_trace_probe_call", "function trigger"},
                                        Known{"stack_trace_call", "stack tracer"},
                                        Known{"irqsoff_tracer_call", "latency tracer"},
                                        Known{"wakeup_tracer_call", "latency tracer"},
                                        Known{"perf_ftrace_function_call", "perf"},
                                        Known{"ftrace_graph_func", "function-graph tracer"},
                                        Known{"kprobe_ftrace_handler", "kprobes"},
                                        Known{"klp_ftrace_handler", "live patching"},
                                        Known{"fprobe_handler", "fprobes"},
                                        Known{"fprobe_kprobe_handler", "fprobes"},
                                        Known{"fprobe_ftrace_entry", "fprobes"},
                                        Known{"fprobe_fgraph_entry", "fprobes"},
                                        Known{"call_direct_funcs", "direct calls (BPF)"},
                                        Known{"ftrace_ops_list_func", "the list of all ops"},
                                        Known{"arch_ftrace_ops_list_func", "the list of all ops"},
                                        Known{"ftrace_ops_assist_func", "the tracer's own checks"},
                                        Known{"ftrace_pid_func", "filter by PID"}};
  for (const auto& [name, user] : kUsers)
    if (name == function) return user;
  return {};
}

Result<void> fill(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink) {
  RINGSIDE_TRY(auto* kernel, linux::Kernel::of(snapshot));
  RINGSIDE_TRY(const auto all,
               linux::ftrace_handlers(*kernel, request.uses(kFiltered) || request.uses(kExcluded)));
  report_problems(all, sink);
  AddressNames names(snapshot, request, kNames, sink);
  for (const auto& one : all.entries) {
    Value user = null_cell();
    if (request.uses(kUser))
      if (const auto symbol = linux::Symboliser::of(*kernel).symbol(one.function))
        user = text_cell(user_of(*symbol));
    const bool has_flags = one.flags.has_value();
    if (!add_named(
            sink, names,
            {cell(one.chain), cell(one.slot), pointer_cell(one.ops),
             symbol_cell(*kernel, one.ops, request.uses(kOpsSymbol)), std::move(user),
             cell_or_null(one.flags), has_flags ? cell(linux::ftrace_flag_names(*one.flags)) : null_cell(),
             has_flags ? boolean_cell((*one.flags >> linux::kFtraceDirectBit & 1) != 0) : null_cell(),
             pointer_cell(one.trampoline), cell_or_null(one.trampoline_size), cell_or_null(one.filtered),
             cell_or_null(one.excluded)},
            one.function))
      break;
  }
  return {};
}

}  // namespace

Table ftrace_ops_table() {
  return {
      .name = "ftrace_ops",
      .doc = "Linux: the functions that the function tracer calls, and for whom.",
      .columns = with_address_names(
          {{"chain", ColumnType::text,
            "ftrace_ops_list, fgraph_array, or variable: a pointer that stands alone"},
           {"slot", ColumnType::text,
            "func; saved_func, which func leads to where it filters by PID; entryfunc, retfunc of "
            "function-graph tracing; else the variable's name"},
           {"ops", ColumnType::address, "the struct ftrace_ops or fgraph_ops; NULL for a variable",
            Stability::kept},
           {"ops_symbol", ColumnType::text, "its name; NULL if it was allocated", Stability::kept},
           {"user", ColumnType::text,
            "whose work the function does, where it is one of the kernel's known ones: kprobes, perf, ..."},
           {"flags", ColumnType::integer, "FTRACE_OPS_FL_*", Stability::kept},
           {"flag_names", ColumnType::text, "ENABLED|DYNAMIC|IPMODIFY", Stability::kept},
           {"direct", ColumnType::boolean, "functions are called directly: see ftrace_direct_calls"},
           {"trampoline", ColumnType::address, "code made for this ops alone; NULL: it uses a common one",
            Stability::kept},
           {"trampoline_size", ColumnType::integer, "bytes", Stability::kept},
           {"filtered", ColumnType::integer, "how many functions it is asked for; 0: all", Stability::kept},
           {"excluded", ColumnType::integer, "how many functions it leaves out", Stability::kept},
           {"function", ColumnType::address, "what is called", Stability::kept}}),
      .pushdown = {},
      .identity = {"chain", "slot", "ops"},
      .example = "SELECT user, symbol, filtered FROM ftrace_ops WHERE slot = 'func'",
      .in_baseline = false,
      .baseline_where = {},
      .fill = fill};
}

}  // namespace ringside::policies
