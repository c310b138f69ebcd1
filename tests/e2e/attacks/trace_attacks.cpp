// SPDX-License-Identifier: Apache-2.0
// Hook points of tracing, security modules and BPF.
#include "tests/e2e/support/attack.h"

#include <cstring>
#include <optional>
#include <span>
#include <string_view>

namespace ringside::lab {

namespace {

using guest::Gva;
using policies::Database;
using Pokes = Result<std::vector<Poke>>;

// The end of the area for modules, which the kernel fills from the start (MODULES_END, 64-bit); with 32 bits
// a page of the direct map.
constexpr std::string_view kNobody = "(SELECT iif(bits = 64, 0xfffffffffe001000, 0xc0100000) FROM kernel)";

Bytes bytes_of(std::int64_t value, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(&value, 1)).first(size);
  return Bytes(bytes.begin(), bytes.end());
}

/// One poke for each row of `sql`, which gives an address and the value to put there. No pokes where the
/// kernel has no such object, or does not tell where it stands.
Pokes poke(Database& database, const std::string& sql, std::size_t size) {
  const auto found = database.query(sql);
  if (!found) return fail(found.error());
  RINGSIDE_TRY(const auto width, database.query("SELECT bits / 8 FROM kernel"));
  if (size == 0 && !width.rows.empty())
    size = static_cast<std::size_t>(std::get<std::int64_t>(width.rows[0].at(0)));
  std::vector<Poke> pokes;
  for (const auto& row : found->rows) {
    const auto* at = std::get_if<std::int64_t>(&row[0]);
    const auto* value = std::get_if<std::int64_t>(&row[1]);
    if (at == nullptr || value == nullptr) return std::vector<Poke>{};
    pokes.push_back({Gva{static_cast<std::uint64_t>(*at)}, bytes_of(*value, size)});
  }
  return pokes;
}

/// `size`: bytes of the value; 0: those of a pointer.
auto by(std::string sql, std::size_t size = 0) {
  return [sql = std::move(sql), size](Database& database) { return poke(database, sql, size); };
}

/// SQL: where a member stands in its struct.
std::string offset(const std::string& type, const std::string& member) {
  return "(SELECT offset FROM type_members WHERE type = '" + type + "' AND member = '" + member +
         "' LIMIT 1)";
}

const std::string kTo = ", " + std::string(kNobody) + " FROM ";

}  // namespace

std::vector<Attack> trace_attacks() {
  const std::string kSomeFunction = "addr('vfs_read')";
  // Of a tracepoint that nobody uses, sched_process_fork before all others.
  const std::string kIdle =
      " FROM tracepoints WHERE slot = 'iterator' AND probes = 0 AND owner IS NULL ORDER BY name <> "
      "'sched_process_fork', name LIMIT 1";
  return {
      {"lead the function tracer to code of nobody", "Singularity, KoviD: an ftrace_ops of a module",
       "linux-tracing/ftrace-handlers",
       by("SELECT addr('ftrace_trace_function')" + kTo +
          "kernel WHERE addr('ftrace_trace_function') IS NOT NULL")},
      {"lead a registered ftrace_ops into the middle of a kernel function",
       "ops of the kernel taken over instead of registering one", "linux-tracing/ftrace-handlers",
       by("SELECT ops + " + offset("ftrace_ops", "func") + ", " + kSomeFunction +
          " + 17 FROM ftrace_ops WHERE chain = 'ftrace_ops_list' AND slot = 'func' LIMIT 1")},
      {"redirect the handler of a kprobe", "kprobes on functions that list files and processes",
       "linux-tracing/kprobe-handlers",
       by("SELECT probe + " + offset("kprobe", "pre_handler") + kTo +
          "kprobes WHERE slot = 'pre_handler' LIMIT 1")},
      {"redirect the handler of a uprobe", "TripleCross: uprobes on shells and libraries",
       "linux-tracing/uprobe-handlers",
       by("SELECT consumer + " + offset("uprobe_consumer", "handler") + kTo +
          "uprobes WHERE slot = 'handler' LIMIT 1")},
      {"redirect the probe of a tracepoint", "Singularity: a probe on sched_process_fork",
       "linux-tracing/tracepoint-probes",
       by("SELECT read_pointer(tracepoint + " + offset("tracepoint", "funcs") + ")" + kTo +
          "tracepoints WHERE slot = 'probe' AND position = 0 AND probes > 1 LIMIT 1")},
      {"redirect the function that calls the probes of a tracepoint", "a probe without registering one",
       "linux-tracing/tracepoint-parts",
       by("SELECT tracepoint + " + offset("tracepoint", "iterator") + ", " + kSomeFunction + kIdle)},
      {"turn on a tracepoint that has no probes", "the site of a tracepoint used as a hook",
       "linux-tracing/tracepoint-key",
       by("SELECT tracepoint + " + offset("tracepoint", "key") + ", 1" + kIdle, 4)},
      {"lead a static call to code of nobody", "a key changed instead of the code that it patches",
       "linux-static-calls/keys-in-text",
       by("SELECT key" + kTo +
          "static_call_keys WHERE name = '__SCK__might_resched' OR name = '__SCK__cond_resched' "
          "OR name = '__SCK__x86_pmu_read' ORDER BY name LIMIT 1")},
      {"lead the static call of a tracepoint to another function", "the same, to a function of the kernel",
       "linux-static-calls/tracepoint-calls",
       by("SELECT call_key, " + kSomeFunction +
          " FROM tracepoints WHERE slot = 'iterator' AND name = 'sched_process_fork'")},
      {"redirect a security hook", "hooks of access checks to hide files", "linux-lsm/hooks-in-kernel",
       by("SELECT entry + " + offset("security_hook_list", "hook") + kTo +
          "lsm_hooks WHERE entry IS NOT NULL ORDER BY hook, position LIMIT 1")},
      {"redirect the static call of a security hook", "the same where hooks are static calls",
       "linux-lsm/calls-agree",
       by("SELECT read_pointer(addr('static_calls_table') + (SELECT offset FROM type_members WHERE type = "
          "'lsm_static_calls_table' AND member = hook) + position * (SELECT size FROM types WHERE name = "
          "'lsm_static_call') + " +
          offset("lsm_static_call", "key") + "), " + kSomeFunction +
          " FROM lsm_hooks WHERE enabled AND called IS NOT NULL ORDER BY hook, position LIMIT 1")},
      {"take a program of BPF off the list", "ebpfkit, LinkPro: programs that bpftool does not show",
       "linux-bpf/hidden-programs",
       by("SELECT (read_pointer(addr('prog_idr') + " + offset("idr", "idr_rt") + " + " +
          offset("xarray", "xa_head") + ") & -4) + " + offset("xa_node", "slots") +
          " + (SELECT bits / 8 FROM kernel) * id, 0 FROM bpf_programs WHERE listed AND id < 64 AND id NOT IN "
          "(SELECT program_id FROM "
          "bpf_links WHERE program_id IS NOT NULL) AND (SELECT max(id) FROM bpf_programs) < 64 AND NOT "
          "writes_user ORDER BY id LIMIT 1")},
      {"run a program of BPF that was never listed", "the same from the start", "linux-bpf/hidden-programs",
       by("SELECT read_pointer(program + " + offset("bpf_prog", "aux") + ") + " +
              offset("bpf_prog_aux", "id") + ", 4711 FROM bpf_programs WHERE state = 'classic' LIMIT 1",
          4)},
      {"give a map of BPF other operations", "maps that show programs in the guest false data",
       "linux-bpf/map-operations",
       by("SELECT map + " + offset("bpf_map", "ops") +
          ", coalesce(read_pointer(addr('page_offset_base')), 0xc0000000) + 0x5000 "
          "FROM bpf_maps ORDER BY id LIMIT 1")},
  };
}

}  // namespace ringside::lab
