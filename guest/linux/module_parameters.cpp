// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/module_parameters.h"

#include <algorithm>

namespace ringside::guest::linux {

ParameterReader::ParameterReader(Kernel& kernel)
    : kernel_(kernel), values_(kernel), parameter_(kernel, "kernel_param") {
  if (auto resolved = resolve(); !resolved)
    unusable_ = std::move(resolved).error().within("the parameters of modules");
}

Result<void> ParameterReader::resolve() {
  RINGSIDE_TRY(const Types* types, kernel_.types());
  RINGSIDE_TRY(list_, types->field("module", "kp"));
  RINGSIDE_TRY(count_, types->field("module", "num_kp"));
  RINGSIDE_TRY(stride_, types->size_of("kernel_param"));
  name_ = parameter_.add("name");
  operations_ = parameter_.add("ops");
  permissions_ = parameter_.add("perm");
  argument_ = parameter_.add("arg");
  if (!parameter_.missing().empty()) return fail(parameter_.missing().front());
  if (stride_ == 0) return fail(Errc::malformed, "struct kernel_param has no size");
  return {};
}

Result<ModuleParameter> ParameterReader::read_one(Gva at, const std::function<bool(Gva)>& gone) {
  RINGSIDE_CHECK(parameter_.read(at));
  ModuleParameter parameter;
  parameter.operations = parameter_.pointer(operations_).value_or(Gva{0});
  parameter.permissions = parameter_.u32(permissions_).value_or(0);
  const Gva argument = parameter_.pointer(argument_).value_or(Gva{0});
  RINGSIDE_TRY(parameter.name, kernel_.read_string(parameter_.pointer(name_).value_or(Gva{0}), kMaxName));
  parameter.type = values_.type(parameter.operations, argument);
  // The kernel itself reads those that have a file at any time, so they are there.
  if (parameter.permissions == 0 && gone(argument)) return parameter;
  auto value = values_.value(parameter.operations, argument);
  if (value)
    parameter.value = std::move(*value);
  else if (parameter.permissions != 0)
    return fail(value.error().within("parameter " + parameter.name));
  return parameter;
}

std::vector<ModuleParameter> ParameterReader::read_all(Gva first, std::uint64_t count,
                                                       const std::function<bool(Gva)>& gone,
                                                       const std::function<void(const Error&)>& failed) {
  std::vector<ModuleParameter> all;
  if (count > left_) {
    failed({Errc::out_of_bounds, "more than " + std::to_string(kMaxParameters)});
    count = left_;
  }
  left_ -= count;
  for (std::uint64_t i = 0; i < count; ++i) {
    auto parameter = read_one(first + i * stride_, gone);
    if (parameter)
      all.push_back(std::move(*parameter));
    else
      failed(parameter.error());
  }
  return all;
}

std::vector<ModuleParameter> ParameterReader::read(const Module& module,
                                                   const std::function<void(Error)>& problem) {
  std::vector<ModuleParameter> all;
  if (unusable_ || module.state == ModuleState::unformed) return all;
  const auto failed = [&](const Error& error) {
    problem(error.within("the parameters of module " + module.name));
  };
  const auto list = kernel_.read_pointer_field(module.address, list_);
  const auto count = kernel_.read_field(module.address, count_);
  if (!list) return failed(list.error()), all;
  if (!count) return failed(count.error()), all;
  const auto gone = [&](Gva argument) {
    return std::none_of(module.regions.begin(), module.regions.end(), [&](const ModuleRegion& region) {
      return region.kind < ModuleRegionKind::init_text && region.contains(argument);
    });
  };
  all = read_all(*list, *count, gone, failed);
  for (ModuleParameter& parameter : all) parameter.module = module.name;
  return all;
}

std::vector<ModuleParameter> ParameterReader::built_in(const std::function<void(Error)>& problem) {
  std::vector<ModuleParameter> all;
  if (unusable_) return all;
  const auto failed = [&](const Error& error) { problem(error.within("the parameters of the kernel")); };
  const auto first = kernel_.symbol("__start___param"), end = kernel_.symbol("__stop___param");
  if (!first) return failed(first.error()), all;
  if (!end) return failed(end.error()), all;
  if (*end < *first) return failed({Errc::malformed, "they end before they begin"}), all;
  const auto init_first = kernel_.find_symbol("__init_begin"), init_end = kernel_.find_symbol("__init_end");
  const auto gone = [&](Gva argument) {
    return !init_first || !init_end || (*init_first <= argument && argument < *init_end);
  };
  all = read_all(*first, (*end - *first) / stride_, gone, failed);
  for (ModuleParameter& parameter : all) {
    // kernel/params.c, param_sysfs_builtin
    const auto dot = parameter.name.find('.');
    parameter.module = dot == std::string::npos ? "kernel" : parameter.name.substr(0, dot);
    if (dot != std::string::npos) parameter.name.erase(0, dot + 1);
  }
  return all;
}

}  // namespace ringside::guest::linux
