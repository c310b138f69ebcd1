// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/golden/kernel_reference.h"
#include "policies/tables/linux/address_names.h"
#include "policies/tables/linux/golden_tables.h"
#include "policies/tables/linux/support.h"

#include <algorithm>

namespace ringside::policies {

namespace {

namespace linux = guest::linux;
/// What is read and compared at once.
constexpr std::size_t kPiece = std::size_t{64} << 10;
/// Longest run of changed bytes that one row shows; a longer one goes on in the next row.
constexpr std::size_t kMaxRun = 64;
/// Runs that are closer than this are one.
constexpr std::size_t kGap = 8;

/// The end of the run of differences that starts at `first`.
std::size_t run_end(ByteView actual, ByteView expected, std::size_t first) {
  const std::size_t most = std::min(actual.size(), first + kMaxRun);
  std::size_t end = first + 1;
  for (std::size_t i = end; i < most && i - end < kGap; ++i)
    if (actual[i] != expected[i]) end = i + 1;
  return end;
}

Result<void> fill(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink) {
  RINGSIDE_TRY(auto* kernel, linux::Kernel::of(snapshot));
  RINGSIDE_TRY(const auto reference, linux::golden_reference(*kernel));
  if (reference->problem()) sink.incomplete(*reference->problem());
  AddressNames names(snapshot, request, 4, sink);
  Bytes actual;
  for (const linux::Range& range : reference->rodata()) {
    for (guest::Gva at = range.first; at < range.end; at = at + actual.size()) {
      actual.resize(std::min<std::uint64_t>(kPiece, range.end - at));
      if (auto read = kernel->space().read(at, actual); !read) {
        sink.incomplete(read.error().within("read-only data of the kernel"));
        continue;
      }
      RINGSIDE_TRY(const Bytes expected, reference->bytes(at, actual.size()));
      if (actual == expected) continue;
      for (std::size_t i = 0; i < actual.size();) {
        if (actual[i] == expected[i]) {
          ++i;
          continue;
        }
        const std::size_t end = run_end(actual, expected, i);
        const auto run = [&](const Bytes& of) { return to_hex(ByteView(of).subspan(i, end - i)); };
        std::vector<Value> row{cell((at + i).value), cell(std::uint64_t{end - i}), cell(run(expected)),
                               cell(run(actual))};
        names.add(row, (at + i).value);
        if (!sink.row(std::move(row))) return {};
        i = end;
      }
    }
  }
  return {};
}

}  // namespace

Table kernel_rodata_changes_table() {
  return {.name = "kernel_rodata_changes",
          .doc =
              "Read-only data of the kernel image that is not as its vendor shipped it. Needs the vendor's "
              "kernel (ringside golden import); what is written while the kernel boots is left out.",
          .columns = with_address_names({{"address", ColumnType::address, "of the first changed byte"},
                                         {"size", ColumnType::integer, "bytes, at most 64"},
                                         {"expected", ColumnType::bytes, "what the vendor shipped"},
                                         {"actual", ColumnType::bytes, "what is there"}}),
          .pushdown = {},
          .identity = {"address"},
          .example = "SELECT symbol, address, expected, actual FROM kernel_rodata_changes",
          .in_baseline = false,
          .baseline_where = {},
          .bulk = true,
          .fill = fill};
}

}  // namespace ringside::policies
