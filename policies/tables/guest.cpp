// SPDX-License-Identifier: Apache-2.0
#include "policies/tables/support.h"

#include <algorithm>
#include <ctime>

namespace ringside::policies {

namespace {

/// RFC 3339, UTC, milliseconds.
std::string timestamp(std::chrono::sys_time<std::chrono::microseconds> when) {
  const auto since = std::chrono::floor<std::chrono::milliseconds>(when).time_since_epoch().count();
  const std::time_t seconds = static_cast<std::time_t>(since / 1000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  const std::size_t length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  std::string millis = std::to_string(since % 1000);
  return std::string(text, length) + "." + std::string(3 - std::min<std::size_t>(3, millis.size()), '0') +
         millis + "Z";
}

Result<void> fill(guest::Snapshot& snapshot, const TableRequest&, RowSink& sink) {
  const auto& info = snapshot.info();
  const auto& cpus = snapshot.cpus(guest::RegisterGroups::control);
  const auto running = std::find_if(cpus.begin(), cpus.end(), started);
  const auto paging = running == cpus.end() ? guest::x86::PagingMode::none : running->paging_mode();
  sink.row({cell(info.name), info.uuid.empty() ? null_cell() : cell(info.uuid), cell(info.target),
            cell(info.status), cell(info.qemu_version), cell(info.accelerator), cell(info.backend),
            cell(timestamp(info.taken)), cell(guest::x86::to_string(paging)),
            cell(std::uint64_t{cpus.size()}), cell(snapshot.map().ram_size())});
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
