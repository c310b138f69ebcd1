// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/module_parameters.h"

#include "policies/tables/linux/support.h"

#include <fmt/format.h>

namespace ringside::policies {

namespace {

namespace linux = guest::linux;

class Filler {
 public:
  Filler(const TableRequest& request, RowSink& sink) : request_(request), sink_(sink) {}

  /// False: the sink wants no more.
  bool add(std::vector<linux::ModuleParameter> parameters, bool built_in) {
    std::uint64_t number = 0;
    for (auto& one : parameters) {
      const std::uint64_t place = number++;
      if (!request_.wants("module", std::string_view(one.module)) ||
          !request_.wants("name", std::string_view(one.name)))
        continue;
      if (!sink_.row({cell(std::move(one.module)), cell(std::move(one.name)), cell_or_null(one.value),
                      cell_or_null(one.type), cell(fmt::format("{:04o}", one.permissions)), cell(built_in),
                      cell(place), cell(one.operations.value)}))
        return false;
    }
    return true;
  }

 private:
  const TableRequest& request_;
  RowSink& sink_;
};

Result<void> fill(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink) {
  RINGSIDE_TRY(linux::Kernel* const kernel, linux::Kernel::of(snapshot));
  linux::ParameterReader reader(*kernel);
  if (reader.unusable()) return fail(*reader.unusable());
  const auto problem = [&](Error error) { sink.incomplete(std::move(error)); };
  Filler filler(request, sink);
  if (request.wants("built_in", std::int64_t{0})) {
    const auto listing = linux::modules(*kernel, linux::ModuleParts::layout);
    report_problems(listing, sink);
    for (const auto& module : listing.entries) {
      if (!request.wants("module", std::string_view(module.name))) continue;
      if (!filler.add(reader.read(module, problem), false)) return {};
    }
  }
  if (request.wants("built_in", std::int64_t{1})) filler.add(reader.built_in(problem), true);
  return {};
}

}  // namespace

Table module_parameters_table() {
  return {
      .name = "module_parameters",
      .doc = "Linux: the parameters of modules, and of what is built into the kernel.",
      .columns = {{"module", ColumnType::text,
                   "that it belongs to; kernel for a built-in one that names no module"},
                  {"name", ColumnType::text, "of the parameter"},
                  {"value", ColumnType::text,
                   "as its file in /sys shows it; NULL if it is of a kind of its own, or if it was given "
                   "back after init",
                   Stability::kept},
                  {"type", ColumnType::text, "int, bool, charp, int[], ...; NULL: a kind of its own"},
                  {"permissions", ColumnType::text,
                   "of its file in /sys/module/MODULE/parameters, octal; 0000: it has none"},
                  {"built_in", ColumnType::boolean, "it belongs to the kernel image"},
                  {"number", ColumnType::integer, "place among those of its module, or of the image, from 0"},
                  {"operations", ColumnType::address, "struct kernel_param_ops: who reads and writes it",
                   Stability::kept}},
      .pushdown = {"module", "name", "built_in"},
      .identity = {"built_in", "module", "number"},
      .example = "SELECT name, value FROM module_parameters WHERE module = 'module'",
      .in_baseline = false,
      .baseline_where = {},
      .fill = fill};
}

}  // namespace ringside::policies
