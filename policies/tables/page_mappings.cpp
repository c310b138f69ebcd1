// SPDX-License-Identifier: Apache-2.0
#include "guest/x86/page_tables.h"
#include "policies/tables/kernel_root.h"
#include "policies/tables/linux/address_names.h"
#include "policies/tables/support.h"

#include <algorithm>
#include <array>
#include <optional>

namespace ringside::policies {

namespace {

namespace x86 = guest::x86;
using guest::Gpa;
using guest::Gva;
using guest::RegisterGroups;

constexpr std::size_t kColumns = 10;  // without those that name the first address
constexpr std::string_view kUser = "user", kKernel = "kernel";

/// A paging root and the first vCPU that was seen on it.
struct Root {
  unsigned vcpu;
  x86::PagingRoot root;
};

/// Enumerates one half. False: the sink wants no more.
bool add_half(guest::Snapshot& snapshot, const Root& at, std::string_view half, AddressNames& names,
              RowSink& sink) {
  const Gva border = x86::kernel_half(at.root.mode);
  x86::PageTables::Bounds bounds;
  if (half == kUser) {
    bounds.last = Gva{border.value - 1};
  } else {
    bounds.first = border;
  }
  const std::string where = "vCPU " + std::to_string(at.vcpu) + ", " + std::string(half) + " half";
  bool wanted = true;
  const x86::PageTables tables(snapshot, at.root);
  const auto summary = tables.enumerate(bounds, [&](const x86::Mapping& m) {
    std::vector<Value> row = {cell(at.vcpu),
                              cell(half),
                              cell(m.gva.value),
                              cell(m.gpa.value),
                              cell(m.size),
                              cell(m.page_size),
                              cell(m.permissions.writable),
                              cell(m.permissions.user),
                              cell(m.permissions.executable),
                              cell(m.global)};
    names.add(row, m.gva.value);
    wanted = sink.row(std::move(row));
    return wanted;
  });
  if (!summary) {
    sink.incomplete(summary.error().within(where));
  } else if (summary->unreadable_tables > 0) {
    sink.incomplete(
        {Errc::not_ram, where + ": " + std::to_string(summary->unreadable_tables) +
                            " page tables could not be read" +
                            (summary->first_unreadable ? ", the first: " + summary->first_unreadable->message
                                                       : std::string())});
  }
  return wanted;
}

Result<void> fill(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink) {
  const bool user = request.wants("half", kUser), kernel = request.wants("half", kKernel);
  // Which root a vCPU is on is part of what the user half says; of the kernel half only the entries count.
  const auto groups = user ? RegisterGroups::root : RegisterGroups::none;
  std::vector<Root> roots;
  for (const auto* cpu : protected_cpus(snapshot, groups, request, sink)) {
    const Root at{cpu->index, x86::PagingRoot::of(*cpu)};
    if (at.root.mode == x86::PagingMode::none) continue;
    if (std::none_of(roots.begin(), roots.end(), [&](const Root& other) { return other.root == at.root; }))
      roots.push_back(at);
  }
  AddressNames names(snapshot, request, kColumns, sink);
  std::vector<std::pair<x86::PagingRoot, Bytes>> kernels_seen;
  for (const auto& at : roots) {
    if (user && !add_half(snapshot, at, kUser, names, sink)) return {};
    if (!kernel) continue;
    const Root whole{at.vcpu, kernel_root(snapshot, at.root)};
    if (auto entries = kernel_entries(snapshot, whole.root)) {
      x86::PagingRoot rules = whole.root;
      rules.table = Gpa{0};
      const std::pair seen{rules, std::move(*entries)};
      if (std::find(kernels_seen.begin(), kernels_seen.end(), seen) != kernels_seen.end()) continue;
      kernels_seen.push_back(seen);
    }
    if (!add_half(snapshot, whole, kKernel, names, sink)) return {};
  }
  return {};
}

}  // namespace

Table page_mappings_table() {
  return {
      .name = "page_mappings",
      .doc =
          "What the page tables of the vCPUs map, as runs of pages with equal rights. Each page-table root "
          "is "
          "walked once, a kernel half that several roots share too. Ask for one half: it is much cheaper.",
      .columns =
          with_address_names({{"vcpu", ColumnType::integer, "the first vCPU whose page tables hold it"},
                              {"half", ColumnType::text, "user or kernel"},
                              {"gva", ColumnType::address, "first address"},
                              {"gpa", ColumnType::address, "the same, guest-physical"},
                              {"size", ColumnType::integer, "bytes, contiguous in both address spaces"},
                              {"page_size", ColumnType::integer, "4096, 2097152, 4194304 or 1073741824"},
                              {"writable", ColumnType::boolean, "R/W in every level"},
                              {"user", ColumnType::boolean, "U/S in every level: user code can reach it"},
                              {"executable", ColumnType::boolean, "no NX in any level"},
                              {"global", ColumnType::boolean, "G: stays in the TLB when CR3 changes"}}),
      .pushdown = {"half"},
      .identity = {"half", "gva"},
      .example = "SELECT gva, size FROM page_mappings WHERE half = 'kernel' AND writable AND executable",
      .in_baseline = false,
      .baseline_where = {},
      .fill = fill};
}

}  // namespace ringside::policies
