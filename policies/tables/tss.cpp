// SPDX-License-Identifier: Apache-2.0
// Before any system header can: see there.
#include "guest/descriptor_tables.h"
#include "guest/linux/linux_macro.h"
#include "policies/tables/linux/address_names.h"
#include "policies/tables/support.h"

#include <array>

namespace ringside::policies {

namespace {

namespace x86 = guest::x86;
using guest::RegisterGroups;

constexpr std::size_t kColumns = 18;                                 // without those that name its place
constexpr std::size_t kRsp1 = 6, kRsp2 = 7, kIoMap = 16, kRaw = 17;  // columns that change all the time
constexpr std::size_t kTssBytes = 104;  // without the I/O bitmap (SDM vol. 3A, section 8.7)

Result<void> fill(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink) {
  AddressNames names(snapshot, request, kColumns, sink);
  const bool whole = request.uses(kRsp1) || request.uses(kRsp2) || request.uses(kIoMap);
  for (const auto* cpu : protected_cpus(snapshot, RegisterGroups::tables, request, sink)) {
    const std::string where = "vCPU " + std::to_string(cpu->index);
    if (cpu->tr.selector == 0) continue;  // no task register loaded yet
    guest::AddressSpace space(snapshot, x86::PagingRoot::of(*cpu));
    const auto tss = guest::read_tss(space, *cpu, whole);
    if (!tss) {
      sink.incomplete(tss.error().within(where));
      continue;
    }
    std::array<std::byte, kTssBytes> raw{};
    if (request.uses(kRaw)) {
      if (auto read = space.read(tss->gva, raw); !read) {
        sink.incomplete(read.error().within(where));
        continue;
      }
    }
    const auto& t = tss->entry;
    std::vector<Value> row = {cell(cpu->index), cell(cpu->tr.selector), cell(tss->gva.value),
                              cell(tss->gpa.value), cell(std::uint64_t{cpu->tr.limit})};
    for (const auto stack : t.rsp) row.push_back(cell(stack));
    for (const auto stack : t.ist) row.push_back(cpu->long_mode() ? cell(stack) : null_cell());
    row.push_back(cpu->long_mode() ? null_cell() : cell(t.ss0));
    row.push_back(cell(t.io_map_base));
    row.push_back(cell(to_hex(raw)));
    names.add(row, tss->gva.value);
    if (!sink.row(std::move(row))) return {};
  }
  return {};
}

}  // namespace

Table tss_table() {
  return {.name = "tss",
          .doc = "The task-state segment of each vCPU: the stacks that the CPU switches to.",
          .columns = with_address_names(
              {{"vcpu", ColumnType::integer, "number of the vCPU, from 0"},
               {"selector", ColumnType::integer, "TR"},
               {"gva", ColumnType::address, "where it stands"},
               {"gpa", ColumnType::address, "the same, guest-physical", Stability::kept},
               {"limit_bytes", ColumnType::address, "bytes - 1"},
               {"rsp0", ColumnType::address, "stack for entries to ring 0 (ESP0 in 32-bit mode)"},
               {"rsp1", ColumnType::address, "Linux keeps the task's stack here", Stability::live},
               {"rsp2", ColumnType::address, "Linux uses it as scratch space", Stability::live},
               {"ist1", ColumnType::address, "interrupt stack 1; NULL in 32-bit mode"},
               {"ist2", ColumnType::address, "interrupt stack 2"},
               {"ist3", ColumnType::address, "interrupt stack 3"},
               {"ist4", ColumnType::address, "interrupt stack 4"},
               {"ist5", ColumnType::address, "interrupt stack 5"},
               {"ist6", ColumnType::address, "interrupt stack 6"},
               {"ist7", ColumnType::address, "interrupt stack 7"},
               {"ss0", ColumnType::integer, "stack segment of ring 0; NULL in 64-bit mode"},
               {"io_map_base", ColumnType::integer, "offset of the I/O permission bitmap", Stability::live},
               {"raw", ColumnType::bytes, "the first 104 bytes", Stability::live}}),
          .pushdown = {"vcpu"},
          .identity = {"vcpu"},
          .example = "SELECT vcpu, rsp0, ist1, ist2 FROM tss",
          .in_baseline = true,
          .baseline_where = {},
          .fill = fill};
}

}  // namespace ringside::policies
