// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/callbacks.h"

#include "guest/linux/walkers.h"

namespace ringside::guest::linux {

namespace {

using Members = HookReader::Members;
using Presence = ObjectReader::Presence;

constexpr std::uint64_t kMaxStates = 1024;  // CPUHP_ONLINE is some 250
constexpr std::uint64_t kMaxMeasurers = 4096;

/// States that a CPU goes through: what starts and stops each. One of many instances has functions of the
/// same shape, in a union.
void take_states(Kernel& kernel, Hooks& into) {
  const auto table = kernel.find_symbol("cpuhp_hp_states");
  const auto types = kernel.types();
  const auto size = types ? (*types)->size_of("cpuhp_step") : fail(types.error());
  if (!table) return;
  HookReader step(kernel, "cpuhp_step");
  step.add("startup", {"startup.single"});
  step.add("teardown", {"teardown.single"});
  const auto name = step.object().add("name");
  if (!size || step.problem())
    return into.problem((size ? *step.problem() : size.error()).within("states of CPUs"));
  const std::uint64_t count = array_length(kernel, *table, *size, kMaxStates);
  for (std::uint64_t i = 0; i < count; ++i) {
    if (auto read = step.read(*table + i * *size); !read)
      return into.problem(read.error().within("states of CPUs"));
    Hook like;
    like.group = "cpuhp_hp_states";
    like.name = text_at(kernel, step.object().pointer(name));
    like.number = static_cast<std::int64_t>(i);
    // What stands behind the last state is no state: it has no name.
    if (!like.name.empty()) step.append(std::move(like), into);
  }
}

void take_list(Kernel& kernel, Hooks& into, const char* symbol, const char* type, const char* link) {
  const auto head = kernel.find_symbol(symbol);
  if (!head) return;
  HookReader object(kernel, type, Members::functions);
  const auto name = object.object().add("name", Presence::optional);
  if (object.problem()) return into.problem(object.problem()->within(symbol));
  each_in_list(kernel, *head, type, link, symbol, into, [&](Gva at) {
    if (auto read = object.read(at); !read) return into.problem(read.error().within(symbol));
    Hook like;
    like.group = symbol;
    like.name = text_at(kernel, object.object().pointer(name));
    object.append(std::move(like), into);
  });
}

/// From 6.12.y and 6.18 on the functions stand in tables of their own.
void take_syscore(Kernel& kernel, Hooks& into) {
  const auto head = kernel.find_symbol("syscore_list");
  if (!head) return take_list(kernel, into, "syscore_ops_list", "syscore_ops", "node");
  ObjectReader entry(kernel, "syscore");
  HookReader operations(kernel, "syscore_ops", Members::functions);
  const auto table = entry.add("ops");
  if (!entry.missing().empty() || operations.problem())
    return into.problem(
        (operations.problem() ? *operations.problem() : entry.missing().front()).within("syscore_list"));
  each_in_list(kernel, *head, "syscore", "node", "syscore_list", into, [&](Gva at) {
    auto read = entry.read(at);
    if (read) read = operations.read(entry.pointer(table).value_or(Gva{0}));
    if (!read) return into.problem(read.error().within("syscore_list"));
    Hook like;
    like.group = "syscore_list";
    operations.append(std::move(like), into);
  });
}

/// Performance monitoring units, by number.
void take_measurers(Kernel& kernel, Hooks& into) {
  const auto units = kernel.find_symbol("pmu_idr");
  const auto tree = kernel.field("idr", "idr_rt");
  if (!units || !tree) return;
  HookReader unit(kernel, "pmu", Members::functions);
  const auto name = unit.object().add("name");
  if (unit.problem()) return into.problem(unit.problem()->within("pmu_idr"));
  const auto walked =
      walk_xarray(kernel, *units + tree->offset, kMaxMeasurers, [&](std::uint64_t number, Gva at) {
        if (auto read = unit.read(at); !read) {
          into.problem(read.error().within("pmu_idr"));
          return true;
        }
        Hook like;
        like.group = "pmu_idr";
        like.name = text_at(kernel, unit.object().pointer(name));
        like.number = static_cast<std::int64_t>(number);
        unit.append(std::move(like), into);
        return true;
      });
  if (!walked) into.problem(walked.error().within("pmu_idr"));
}

}  // namespace

Result<Hooks> kernel_callbacks(Kernel& kernel) {
  RINGSIDE_CHECK(require_types(kernel));
  Hooks hooks;
  take_states(kernel, hooks);
  take_syscore(kernel, hooks);
  take_list(kernel, hooks, "clocksource_list", "clocksource", "list");
  take_list(kernel, hooks, "clockevent_devices", "clock_event_device", "list");
  take_measurers(kernel, hooks);
  return hooks;
}

}  // namespace ringside::guest::linux
