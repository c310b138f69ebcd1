// SPDX-License-Identifier: Apache-2.0
#include "policies/tables/linux/address_names.h"
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
  bool holds_address;
};
/// Addresses: SDM vol. 4, table 2-2.
constexpr std::array kMsrs = {Msr{"STAR", 0xc0000081, &x86::Msrs::star, false},
                              Msr{"LSTAR", 0xc0000082, &x86::Msrs::lstar, true},
                              Msr{"CSTAR", 0xc0000083, &x86::Msrs::cstar, true},
                              Msr{"SFMASK", 0xc0000084, &x86::Msrs::sfmask, false},
                              Msr{"SYSENTER_CS", 0x174, &x86::Msrs::sysenter_cs, false},
                              Msr{"SYSENTER_ESP", 0x175, &x86::Msrs::sysenter_esp, true},
                              Msr{"SYSENTER_EIP", 0x176, &x86::Msrs::sysenter_eip, true},
                              Msr{"KERNEL_GS_BASE", 0xc0000102, &x86::Msrs::kernel_gs_base, true}};
constexpr std::size_t kColumns = 4;  // without those that name the value
constexpr std::string_view kSwapped = "KERNEL_GS_BASE";

Result<void> fill(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink) {
  RegisterGroups groups = RegisterGroups::msrs;
  if (request.wants("name", kSwapped)) groups = groups | RegisterGroups::swapped;
  AddressNames names(snapshot, request, kColumns, sink);
  for (const auto& cpu : snapshot.cpus(groups)) {
    if (!request.wants("vcpu", std::int64_t{cpu.index})) continue;
    if (!cpu.msrs) {
      const std::string why = cpu.msrs_unknown.empty() ? "its MSRs were not read" : cpu.msrs_unknown;
      sink.incomplete({Errc::unavailable, "vCPU " + std::to_string(cpu.index) + ": " + why});
      continue;
    }
    for (const auto& msr : kMsrs) {
      if (!request.wants("name", msr.name)) continue;
      const std::uint64_t value = (*cpu.msrs).*msr.value;
      std::vector<Value> row = {cell(cpu.index), cell(msr.name), cell(msr.address), cell(value)};
      // 0: this kernel does not use it.
      names.add(row, msr.holds_address && value != 0 ? std::optional(value) : std::nullopt);
      if (!sink.row(std::move(row))) return {};
    }
  }
  return {};
}

}  // namespace

Table msrs_table() {
  return {.name = "msrs",
          .doc =
              "The model-specific registers that decide where the kernel is entered: one row an MSR of each "
              "vCPU.",
          .columns = with_address_names(
              {{"vcpu", ColumnType::integer, "number of the vCPU, from 0"},
               {"name", ColumnType::text,
                "STAR, LSTAR, CSTAR, SFMASK, SYSENTER_CS, SYSENTER_ESP, SYSENTER_EIP or KERNEL_GS_BASE"},
               {"msr", ColumnType::address, "number of the MSR"},
               {"value", ColumnType::address, "its value"}}),
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
