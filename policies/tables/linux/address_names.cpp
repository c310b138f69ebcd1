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

AddressNames::AddressNames(guest::Snapshot& snapshot, const TableRequest& request, std::size_t first,
                           RowSink& sink)
    : snapshot_(snapshot),
      sink_(sink),
      symbol_(request.uses(first)),
      module_(request.uses(first + 1)),
      region_(request.uses(first + 2)) {}

Symboliser* AddressNames::symboliser() {
  if (asked_) return symboliser_;
  asked_ = true;
  auto kernel = Kernel::of(snapshot_);
  if (kernel)
    symboliser_ = &Symboliser::of(**kernel);
  else
    sink_.incomplete(kernel.error().within("names of addresses"));
  return symboliser_;
}

void AddressNames::report_problems() {
  const auto& problems = symboliser_->problems();
  for (; reported_ < problems.size(); ++reported_)
    sink_.incomplete(problems[reported_].within("names of addresses"));
}

void AddressNames::add(std::vector<Value>& row, std::optional<std::uint64_t> address) {
  if (!address || !(symbol_ || module_ || region_) || symboliser() == nullptr) {
    row.resize(row.size() + kAddressNames);
    return;
  }
  const Gva gva{*address};
  auto symbol = symbol_ ? symboliser_->symbol(gva) : std::nullopt;
  const auto region = symboliser_->region(gva);
  // A name that is not there may be one that could not be read.
  const bool no_owner = region == AddressRegion::module_area || region == AddressRegion::none;
  if (no_owner || (symbol_ && !symbol && region != AddressRegion::user)) report_problems();
  const auto module = module_ ? symboliser_->module(gva) : std::string_view();
  row.push_back(symbol ? cell(std::move(*symbol)) : null_cell());
  row.push_back(module.empty() ? null_cell() : cell(module));
  row.push_back(region_ ? cell(to_string(region)) : null_cell());
}

}  // namespace ringside::policies
