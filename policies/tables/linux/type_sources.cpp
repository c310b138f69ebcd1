// SPDX-License-Identifier: Apache-2.0
#include "policies/tables/linux/type_sources.h"

#include "guest/linux/module_types.h"

namespace ringside::policies {

namespace linux = guest::linux;

namespace {

bool names_a_module(const TableRequest& request) {
  const auto found = request.equal.find("module");
  return found != request.equal.end() && std::holds_alternative<std::string>(found->second);
}

void report(const linux::Btf& btf, const std::string& module, RowSink& sink) {
  for (const auto& problem : btf.problems())
    sink.incomplete(module.empty() ? problem : problem.within("module " + module));
}

}  // namespace

Result<void> each_btf(linux::Kernel& kernel, const TableRequest& request, RowSink& sink,
                      const std::function<bool(const linux::Btf&, const std::string& module)>& visit) {
  RINGSIDE_TRY(const auto image, kernel.btf());
  if (!names_a_module(request)) {
    report(*image, {}, sink);
    if (!visit(*image, {})) return {};
  }
  if (!kernel.find_symbol("btf_modules")) return {};  // modules of this release have none
  const auto modules = linux::module_btfs(kernel);
  if (!modules) {
    sink.incomplete(modules.error());
    return {};
  }
  report_problems(*modules, sink);
  for (const auto& module : modules->entries) {
    if (!request.wants("module", std::string_view(module.module))) continue;
    const auto btf = linux::module_btf(kernel, module);
    if (!btf) {
      sink.incomplete(btf.error());
      continue;
    }
    report(**btf, module.module, sink);
    if (!visit(**btf, module.module)) return {};
  }
  return {};
}

std::string_view type_kind(linux::Btf::Kind kind) {
  using Kind = linux::Btf::Kind;
  switch (kind) {
    case Kind::struct_:
      return "struct";
    case Kind::union_:
      return "union";
    case Kind::enum_:
    case Kind::enum64:
      return "enum";
    case Kind::typedef_:
      return "typedef";
    case Kind::integer:
      return "integer";
    case Kind::floating:
      return "float";
    case Kind::function:
      return "function";
    case Kind::forward:
      return "declaration";
    default:
      return {};
  }
}

}  // namespace ringside::policies
