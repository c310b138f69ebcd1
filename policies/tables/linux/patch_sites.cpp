// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/text/patch_sites.h"

#include "guest/x86/instruction.h"
#include "policies/tables/linux/address_names.h"
#include "policies/tables/linux/support.h"
#include "policies/tables/linux/text_tables.h"

namespace ringside::policies {

namespace {

namespace linux = guest::linux;

enum Columns : std::size_t { kActualCode = 7, kNames = 8 };

std::string expected_bytes(const linux::PatchSite& site) {
  std::string all;
  for (const auto& one : site.expected()) all += (all.empty() ? "" : " ") + to_hex(one.view());
  return all;
}

Result<void> fill(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink) {
  RINGSIDE_TRY(auto* kernel, linux::Kernel::of(snapshot));
  auto& sites = linux::PatchSites::of(*kernel);
  AddressNames names(snapshot, request, kNames, sink);
  auto disassembler = guest::x86::Disassembler::create(kernel->identity().bits == 64);
  for (const linux::PatchSite& site : sites.all()) {
    const auto look = sites.look(site);
    // What cannot be read equals nothing; the problems say that it cannot.
    if (look.known ? !request.wants("ok", std::int64_t{look.ok ? 1 : 0}) : request.equal.contains("ok"))
      continue;
    if (!request.wants("kind", linux::to_string(site.kind))) continue;
    const ByteView actual = sites.text().bytes(site.first, look.size);
    std::vector<Value> row{cell(site.first.value),
                           cell(look.size),
                           cell(linux::to_string(site.kind)),
                           site.state == guest::Gva{0} ? null_cell() : cell(site.state.value),
                           cell(expected_bytes(site)),
                           look.known ? cell(to_hex(actual)) : null_cell(),
                           look.known ? cell(unsigned{look.ok}) : null_cell(),
                           request.uses(kActualCode) && disassembler
                               ? cell(disassembler->text(actual, site.first))
                               : null_cell()};
    names.add(row, site.first.value);
    if (!sink.row(std::move(row))) break;
  }
  for (const Error& problem : sites.problems()) sink.incomplete(problem);
  return {};
}

}  // namespace

Table patch_sites_table() {
  return {
      .name = "patch_sites",
      .doc =
          "Linux: the places of its own code that the kernel patches while it runs, with what each must hold "
          "now.",
      .columns = with_address_names(
          {{"gva", ColumnType::address, "its first byte", Stability::kept},
           {"size", ColumnType::integer, "bytes"},
           {"kind", ColumnType::text,
            "jump_label, static_call, static_call_trampoline, ftrace, ftrace_label, kprobe, lock_prefix, "
            "bpf_dispatcher, kgdb_breakpoint"},
           {"state", ColumnType::address, "what decides: the key, the probe", Stability::kept},
           {"expected", ColumnType::text,
            "bytes that it must hold; several where one state has several encodings"},
           {"actual", ColumnType::bytes, "bytes that it holds; NULL if they cannot be read", Stability::live},
           {"ok", ColumnType::boolean,
            "it holds what its state demands, or is being patched at this moment; NULL if it cannot be read"},
           {"actual_code", ColumnType::text, "disassembled", Stability::live}}),
      .pushdown = {"ok", "kind"},
      .identity = {"gva", "kind"},
      .example = "SELECT kind, count(*) FROM patch_sites GROUP BY kind",
      .in_baseline = false,
      .baseline_where = {},
      .bulk = true,
      .fill = fill};
}

}  // namespace ringside::policies
