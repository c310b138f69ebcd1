// SPDX-License-Identifier: Apache-2.0
#include "policies/tables/support.h"
#include "policies/tables/timestamp.h"

#include <algorithm>

namespace ringside::policies {

namespace {

Result<void> fill(guest::Snapshot& snapshot, const TableRequest&, RowSink& sink) {
  const auto& info = snapshot.info();
  const auto& cpus = snapshot.cpus(guest::RegisterGroups::control);
  const auto running = std::find_if(cpus.begin(), cpus.end(), started);
  const auto paging = running == cpus.end() ? guest::x86::PagingMode::none : running->paging_mode();
  sink.row({cell(info.name), info.uuid.empty() ? null_cell() : cell(info.uuid), cell(info.target),
            cell(info.status), cell(info.qemu_version), cell(info.accelerator), cell(info.backend),
            cell(timestamp(std::chrono::floor<std::chrono::milliseconds>(info.taken))),
            cell(guest::x86::to_string(paging)), cell(std::uint64_t{cpus.size()}),
            cell(snapshot.map().ram_size())});
  return {};
}

}  // namespace

Table guest_table() {
  return {
      .name = "guest",
      .doc = "The guest as a machine, as QEMU describes it: one row.",
      .columns = {{"name", ColumnType::text, "name that QEMU was given"},
                  {"uuid", ColumnType::text, "UUID of the machine; NULL if it has none"},
                  {"target", ColumnType::text, "what ringside is attached to", Stability::live},
                  {"status", ColumnType::text, "run state: running, paused, ...", Stability::live},
                  {"qemu_version", ColumnType::text, "version of QEMU"},
                  {"accelerator", ColumnType::text, "kvm or tcg"},
                  {"backend", ColumnType::text, "how guest memory is read", Stability::live},
                  {"taken", ColumnType::text, "when the registers were read, RFC 3339, UTC", Stability::live},
                  {"paging", ColumnType::text,
                   "paging mode of the first started vCPU: none, 2-level, pae, "
                   "4-level or 5-level"},
                  {"vcpus", ColumnType::integer, "number of vCPUs"},
                  {"ram_bytes", ColumnType::integer, "RAM in bytes"}},
      .pushdown = {},
      .identity = {"name"},
      .example = "SELECT name, paging, vcpus FROM guest",
      .in_baseline = true,
      .baseline_where = {},
      .fill = fill};
}

}  // namespace ringside::policies
