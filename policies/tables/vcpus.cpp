// SPDX-License-Identifier: Apache-2.0
#include "guest/x86/page_tables.h"
#include "policies/tables/linux/address_names.h"
#include "policies/tables/support.h"

namespace ringside::policies {

namespace {

namespace x86 = guest::x86;
using guest::RegisterGroups;

const std::vector<Column>& columns() {
  static const std::vector<Column> all = with_address_names({
      {"vcpu", ColumnType::integer, "number of the vCPU, from 0"},
      {"started", ColumnType::boolean, "it has left real mode (CR0.PE)"},
      {"paging", ColumnType::text, "none, 2-level, pae, 4-level or 5-level"},
      {"long_mode", ColumnType::boolean, "EFER.LMA: 64-bit or compatibility mode"},
      {"pg", ColumnType::boolean, "CR0.PG: paging is on"},
      {"wp", ColumnType::boolean, "CR0.WP: the kernel cannot write to read-only pages"},
      {"smep", ColumnType::boolean, "CR4.SMEP: the kernel cannot execute user pages"},
      {"smap", ColumnType::boolean, "CR4.SMAP: the kernel cannot touch user pages unless it says so"},
      {"umip", ColumnType::boolean, "CR4.UMIP: user code cannot read descriptor-table registers"},
      {"fsgsbase", ColumnType::boolean, "CR4.FSGSBASE"},
      {"nxe", ColumnType::boolean, "EFER.NXE: pages can be made not executable"},
      {"la57", ColumnType::boolean, "CR4.LA57: 5-level paging"},
      {"cet", ColumnType::boolean, "CR4.CET: control-flow enforcement"},
      {"kernel_half", ColumnType::address, "first address of the kernel half in this paging mode"},
      {"cr3", ColumnType::address, "root of the page tables", Stability::live},
      {"rip", ColumnType::address, "instruction pointer", Stability::live},
      {"cpl", ColumnType::integer, "privilege level, 0 to 3", Stability::live},
      {"halted", ColumnType::boolean, "waits for an interrupt, or was never started", Stability::live},
  });
  return all;
}

/// Columns from here on are of groups of their own: a query that does not ask for them does not depend on
/// them.
constexpr std::size_t kCr3 = 14, kRip = 15, kCpl = 16, kHalted = 17, kNames = 18;

Result<void> fill(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink) {
  RegisterGroups groups = RegisterGroups::control;
  if (request.uses(kCr3)) groups = groups | RegisterGroups::root;
  const bool names_rip = request.uses(kNames) || request.uses(kNames + 1) || request.uses(kNames + 2);
  if (request.uses(kRip) || request.uses(kCpl) || request.uses(kHalted) || names_rip)
    groups = groups | RegisterGroups::general;
  AddressNames names(snapshot, request, kNames, sink);
  for (const auto& cpu : snapshot.cpus(groups)) {
    if (!request.wants("vcpu", std::int64_t{cpu.index})) continue;
    const auto mode = cpu.paging_mode();
    const auto bit = [](std::uint64_t reg, std::uint64_t mask) { return cell((reg & mask) != 0); };
    std::vector<Value> row = {
        cell(cpu.index),
        cell(started(cpu)),
        cell(x86::to_string(mode)),
        cell(cpu.long_mode()),
        bit(cpu.cr0, x86::cr0::kPg),
        bit(cpu.cr0, x86::cr0::kWp),
        bit(cpu.cr4, x86::cr4::kSmep),
        bit(cpu.cr4, x86::cr4::kSmap),
        bit(cpu.cr4, x86::cr4::kUmip),
        bit(cpu.cr4, x86::cr4::kFsgsbase),
        bit(cpu.efer, x86::efer::kNxe),
        bit(cpu.cr4, x86::cr4::kLa57),
        bit(cpu.cr4, x86::cr4::kCet),
        mode == x86::PagingMode::none ? null_cell() : cell(x86::kernel_half(mode).value),
        cell(cpu.cr3),
        cell(cpu.rip),
        cell(cpu.cpl),
        cell(cpu.halted)};
    names.add(row, mode == x86::PagingMode::none ? std::nullopt : std::optional(cpu.rip));
    if (!sink.row(std::move(row))) break;
  }
  return {};
}

}  // namespace

Table vcpus_table() {
  return {.name = "vcpus",
          .doc = "Each vCPU: its mode and the protections that its control registers turn on.",
          .columns = columns(),
          .pushdown = {"vcpu"},
          .identity = {"vcpu"},
          .example = "SELECT vcpu, paging, wp, smep, smap, nxe FROM vcpus WHERE started",
          .in_baseline = true,
          .baseline_where = {},
          .fill = fill};
}

}  // namespace ringside::policies
