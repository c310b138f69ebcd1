// SPDX-License-Identifier: Apache-2.0
#include "policies/tables/support.h"

#include <array>

namespace ringside::policies {

namespace {

namespace x86 = guest::x86;
using guest::RegisterGroups;

struct Msr {
  std::string_view name;
  std::uint64_t address;
  std::uint64_t x86::Msrs::*value;
};
/// Addresses: SDM vol. 4, table 2-2.
constexpr std::array kMsrs = {Msr{"STAR", 0xc0000081, &x86::Msrs::star},
                              Msr{"LSTAR", 0xc0000082, &x86::Msrs::lstar},
                              Msr{"CSTAR", 0xc0000083, &x86::Msrs::cstar},
                              Msr{"SFMASK", 0xc0000084, &x86::Msrs::sfmask},
                              Msr{"SYSENTER_CS", 0x174, &x86::Msrs::sysenter_cs},
                              Msr{"SYSENTER_ESP", 0x175, &x86::Msrs::sysenter_esp},
                              Msr{"SYSENTER_EIP", 0x176, &x86::Msrs::sysenter_eip},
                              Msr{"KERNEL_GS_BASE", 0xc0000102, &x86::Msrs::kernel_gs_base}};
constexpr std::string_view kSwapped = "KERNEL_GS_BASE";

Result<void> fill(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink) {
  RegisterGroups groups = RegisterGroups::msrs;
  if (request.wants("name", kSwapped)) groups = groups | RegisterGroups::swapped;
  for (const auto& cpu : snapshot.cpus(groups)) {
    if (!request.wants("vcpu", std::int64_t{cpu.index})) continue;
    if (!cpu.msrs) {
      const std::string why = cpu.msrs_unknown.empty() ? "its MSRs were not read" : cpu.msrs_unknown;
      sink.incomplete({Errc::unavailable, "vCPU " + std::to_string(cpu.index) + ": " + why});
      continue;
    }
    for (const auto& msr : kMsrs) {
      if (!request.wants("name", msr.name)) continue;
      if (!sink.row({cell(cpu.index), cell(msr.name), cell(msr.address), cell((*cpu.msrs).*msr.value)}))
        return {};
    }
  }
  return {};
}

}  // namespace

Table msrs_table() {
  return {
      .name = "msrs",
      .doc =
          "The model-specific registers that decide where the kernel is entered: one row an MSR of each "
          "vCPU.",
      .columns = {{"vcpu", ColumnType::integer, "number of the vCPU, from 0"},
                  {"name", ColumnType::text,
                   "STAR, LSTAR, CSTAR, SFMASK, SYSENTER_CS, SYSENTER_ESP, SYSENTER_EIP or KERNEL_GS_BASE"},
                  {"msr", ColumnType::address, "number of the MSR"},
                  {"value", ColumnType::address, "its value"}},
      .pushdown = {"vcpu", "name"},
      .identity = {"vcpu", "name"},
      .example = "SELECT vcpu, value FROM msrs WHERE name = 'LSTAR'",
      .in_baseline = true,
      .baseline_where =
          "name IN ('STAR', 'LSTAR', 'CSTAR', 'SFMASK', 'SYSENTER_CS', 'SYSENTER_ESP', "
          "'SYSENTER_EIP')",  // KERNEL_GS_BASE belongs to the running task
      .fill = fill};
}

}  // namespace ringside::policies
