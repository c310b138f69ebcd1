// SPDX-License-Identifier: Apache-2.0
#include "policies/tables/linux/address_names.h"

#include "policies/tables/linux/support.h"

namespace ringside::policies {

using guest::Gva;
using guest::linux::AddressRegion;
using guest::linux::Kernel;
using guest::linux::Symboliser;

std::vector<Column> address_name_columns() {
  return {
      {"symbol", ColumnType::text,
       "Linux: what stands there, as name+0x1f [module]; NULL if it has no name or the kernel is not known",
       Stability::live},
      {"module", ColumnType::text,
       "Linux: the module that it belongs to, bpf for code of BPF; NULL if to none", Stability::live},
      {"region", ColumnType::text,
       "Linux: kernel_text, module_text, bpf, direct_map, vmalloc, user, ...; none for a hole",
       Stability::live}};
}

std::vector<Column> with_address_names(std::vector<Column> columns) {
  for (const Column& column : address_name_columns()) columns.push_back(column);
  return columns;
}

Symboliser* AddressNamer::symboliser() {
  if (asked_) return symboliser_;
  asked_ = true;
  auto kernel = Kernel::of(snapshot_);
  if (kernel)
    symboliser_ = &Symboliser::of(**kernel);
  else
    sink_.incomplete(kernel.error().within("names of addresses"));
  return symboliser_;
}

void AddressNamer::report_problems() {
  const auto& problems = symboliser_->problems();
  for (; reported_ < problems.size(); ++reported_)
    sink_.incomplete(problems[reported_].within("names of addresses"));
}

Value AddressNamer::name(std::size_t column, std::uint64_t address) {
  if (symboliser() == nullptr) return null_cell();
  const Gva gva{address};
  auto symbol = column == 0 ? symboliser_->symbol(gva) : std::nullopt;
  const auto region = symboliser_->region(gva);
  // A name that is not there may be one that could not be read.
  const bool no_owner = region == AddressRegion::module_area || region == AddressRegion::none;
  if (no_owner || (column == 0 && !symbol && region != AddressRegion::user)) report_problems();
  if (column == 0) return symbol ? cell(std::move(*symbol)) : null_cell();
  if (column == 2) return cell(to_string(region));
  const auto module = symboliser_->module(gva);
  return module.empty() ? null_cell() : cell(module);
}

AddressNames::AddressNames(guest::Snapshot& snapshot, const TableRequest& request, std::size_t first,
                           RowSink& sink)
    : namer_(snapshot, sink), late_(sink.names_late(first)) {
  for (std::size_t i = 0; i < kAddressNames; ++i) wanted_[i] = request.uses(first + i);
}

void AddressNames::add(std::vector<Value>& row, std::optional<std::uint64_t> address) {
  if (late_) {
    row.push_back(address ? cell(*address) : null_cell());
    row.resize(row.size() + kAddressNames - 1);
    return;
  }
  for (std::size_t i = 0; i < kAddressNames; ++i)
    row.push_back(address && wanted_[i] ? namer_.name(i, *address) : null_cell());
}

}  // namespace ringside::policies
