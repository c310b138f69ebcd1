// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/module_symbols.h"
#include "guest/linux/runtime_code.h"
#include "guest/linux/symbol_table.h"
#include "policies/tables/linux/support.h"

#include <array>

namespace ringside::policies {

namespace {

namespace linux = guest::linux;
using guest::Gva;

enum : std::size_t { kName, kAddress, kType, kModule };

class Filler {
 public:
  Filler(linux::Kernel& kernel, const TableRequest& request, RowSink& sink)
      : kernel_(kernel), request_(request), sink_(sink) {}

  void fill() {
    if (wants_image() && !image()) return;
    if (!modules()) return;
    runtime();
  }

 private:
  /// The constraint on a column as text; nullptr: there is none.
  const std::string* text(std::string_view column) const {
    const auto found = request_.equal.find(column);
    return found == request_.equal.end() ? nullptr : std::get_if<std::string>(&found->second);
  }
  bool wants_image() const { return text("module") == nullptr; }

  bool row(std::string name, std::uint64_t address, char type, std::string_view module,
           std::uint64_t number) {
    std::vector<Value> cells(5);
    if (request_.uses(kName)) cells[kName] = std::move(name);
    cells[kAddress] = cell(address);
    cells[kType] = std::string(1, type);
    if (!module.empty()) cells[kModule] = std::string(module);
    cells[4] = cell(number);
    return sink_.row(std::move(cells));
  }

  bool image_row(std::size_t index) {
    const linux::SymbolTable& table = kernel_.symbols();
    std::string name;
    if (request_.uses(kName)) table.name(index, name);
    return row(std::move(name), table.address(index, kernel_.slide()), table.type(index), {}, index);
  }

  /// False: the sink wants no more.
  bool image() {
    const linux::SymbolTable& table = kernel_.symbols();
    if (const std::string* name = text("name")) {
      for (const std::size_t index : table.find_all(*name))
        if (!image_row(index)) return false;
      return true;
    }
    const auto address = request_.equal.find("address");
    if (const auto* wanted =
            address == request_.equal.end() ? nullptr : std::get_if<std::int64_t>(&address->second)) {
      const auto gva = static_cast<std::uint64_t>(*wanted);
      const auto first = table.at_or_before(gva, kernel_.slide());
      for (std::size_t i = first.value_or(table.size());
           i < table.size() && table.address(i, kernel_.slide()) == gva; ++i)
        if (!image_row(i)) return false;
      return true;
    }
    for (std::size_t i = 0; i < table.size(); ++i)
      if (!image_row(i)) return false;
    return true;
  }

  bool modules() {
    const auto listing = linux::modules(kernel_, linux::ModuleParts::none);
    report_problems(listing, sink_);
    linux::ModuleSymbolReader reader(kernel_);
    if (reader.unusable() && !listing.entries.empty()) sink_.incomplete(*reader.unusable());
    for (const linux::Module& module : listing.entries) {
      if (!request_.wants("module", std::string_view(module.name))) continue;
      const auto symbols =
          reader.read(module, request_.uses(kType), [&](Error error) { sink_.incomplete(std::move(error)); });
      for (std::size_t i = 0; i < symbols.size(); ++i) {
        if (!request_.wants("name", symbols.name(i)) ||
            !request_.wants("address", static_cast<std::int64_t>(symbols.address(i).value)))
          continue;
        if (!row(std::string(symbols.name(i)), symbols.address(i).value, symbols.type(i), module.name, i))
          return false;
      }
    }
    return true;
  }

  void runtime() {
    const auto listing = linux::runtime_code(kernel_);
    report_problems(listing, sink_);
    std::uint64_t number = 0;
    for (const linux::RuntimeCode& code : listing.entries) {
      const std::uint64_t place = number++;
      if (!request_.wants("module", std::string_view(code.module)) ||
          !request_.wants("name", std::string_view(code.name)) ||
          !request_.wants("address", static_cast<std::int64_t>(code.first.value)))
        continue;
      if (!row(code.name, code.first.value, 't', code.module, place)) return;
    }
  }

  linux::Kernel& kernel_;
  const TableRequest& request_;
  RowSink& sink_;
};

Result<void> fill(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink) {
  RINGSIDE_TRY(linux::Kernel* const kernel, linux::Kernel::of(snapshot));
  Filler(*kernel, request, sink).fill();
  return {};
}

}  // namespace

Table symbols_table() {
  return {
      .name = "symbols",
      .doc =
          "Linux: every symbol in kallsyms: of the kernel image, of modules, and of code made at run time. "
          "Ask for a name or an address: that is much cheaper.",
      .columns = {{"name", ColumnType::text, "of the symbol"},
                  {"address", ColumnType::address,
                   "where it stands; of a per-CPU variable what /proc/kallsyms shows", Stability::kept},
                  {"type", ColumnType::text,
                   "the letter in /proc/kallsyms; from 7.0 on it does not tell code from data"},
                  {"module", ColumnType::text,
                   "that it belongs to; bpf, __builtin__ftrace or __builtin__kprobes for code made at run "
                   "time; NULL: the kernel image"},
                  {"number", ColumnType::integer,
                   "place among those of its module, or of the image, from 0"}},
      .pushdown = {"name", "address", "module"},
      .identity = {"module", "number"},
      .example = "SELECT name, address FROM symbols WHERE name = 'init_task'",
      .in_baseline = false,
      .baseline_where = {},
      .fill = fill};
}

}  // namespace ringside::policies
