// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/grace_periods.h"

#include "base/bytes.h"

#include <array>
#include <span>

namespace ringside::guest::linux {

namespace {

constexpr std::uint64_t kState = 3;         // RCU_SEQ_STATE_MASK
constexpr std::uint64_t kOne = kState + 1;  // from one grace period to the next
constexpr std::uint64_t kWanted = 1;        // RCU_GP_FLAG_INIT, kernel/rcu/tree.h

/// The member of the object of type `type` at `object`.
Result<std::uint64_t> read_now(Kernel& kernel, memory::PhysicalMemory& memory, std::string_view type,
                               Gva object, std::string_view member) {
  RINGSIDE_TRY(const Field field, kernel.field(type, member));
  std::array<std::byte, 8> bytes{};
  if (field.size == 0 || field.size > bytes.size())
    return fail(Errc::malformed, "a counter of " + std::to_string(field.size) + " bytes");
  const Gva at = object + field.offset;
  // The kernel's own integers lie in one page each.
  if (page_of(at) != page_of(at + (field.size - 1))) return fail(Errc::malformed, "a counter in two pages");
  RINGSIDE_TRY(const Gpa gpa, kernel.space().translate(at));
  RINGSIDE_CHECK(memory.read(gpa, std::span(bytes).first(field.size)));
  return *load_le<std::uint64_t>(bytes, 0);
}

std::optional<GraceCounter> of_tasks(Kernel& kernel, memory::PhysicalMemory& memory,
                                     std::string_view variable) {
  const auto tasks = kernel.find_symbol(variable);
  if (!tasks) return std::nullopt;
  const auto sequence = read_now(kernel, memory, "rcu_tasks", *tasks, "tasks_gp_seq");
  return sequence ? std::optional(GraceCounter{*sequence, false}) : std::nullopt;
}

std::optional<GraceCounter> of_srcu(Kernel& kernel, memory::PhysicalMemory& memory,
                                    std::string_view variable) {
  const auto srcu = kernel.find_symbol(variable);
  if (!srcu) return std::nullopt;
  const auto usage = read_now(kernel, memory, "srcu_struct", *srcu, "srcu_sup");
  if (!usage) return std::nullopt;
  const Gva counters{*usage};
  const auto needed = read_now(kernel, memory, "srcu_usage", counters, "srcu_gp_seq_needed");
  const auto sequence = read_now(kernel, memory, "srcu_usage", counters, "srcu_gp_seq");
  if (!needed || !sequence) return std::nullopt;
  return GraceCounter{*sequence, static_cast<std::int64_t>(*needed - *sequence) > 0};
}

Result<GracePeriods> read(Kernel& kernel, memory::PhysicalMemory& memory) {
  if (kernel.identity().bits != 64) return fail(Errc::unsupported, "counters of 32 bits");
  RINGSIDE_TRY(const Gva state, kernel.symbol("rcu_state"));
  GracePeriods now;
  RINGSIDE_TRY(now.expedited.sequence, read_now(kernel, memory, "rcu_state", state, "expedited_sequence"));
  // The wish is taken back just before the grace period begins (kernel/rcu/tree.c, rcu_gp_init): it is read
  // first, and what it misses shows in the sequence.
  RINGSIDE_TRY(const std::uint64_t flags, read_now(kernel, memory, "rcu_state", state, "gp_flags"));
  RINGSIDE_TRY(now.normal.sequence, read_now(kernel, memory, "rcu_state", state, "gp_seq"));
  now.normal.wanted = (flags & kWanted) != 0;
  now.tasks = of_tasks(kernel, memory, "rcu_tasks");
  now.tasks_trace = of_tasks(kernel, memory, "rcu_tasks_trace");
  if (!now.tasks_trace) now.tasks_trace = of_srcu(kernel, memory, "rcu_tasks_trace_srcu_struct");
  return now;
}

}  // namespace

std::uint64_t whole_grace_periods(std::uint64_t then, std::uint64_t now) {
  const std::uint64_t first_ended = (then + 2 * kState + 1) & ~kState;
  const std::uint64_t beyond = now - first_ended;
  constexpr std::uint64_t kBackwards = std::uint64_t{1} << 63;
  return beyond >= kBackwards ? 0 : beyond / kOne + 1;
}

std::optional<GracePeriods> grace_periods(Kernel& kernel, memory::PhysicalMemory& memory) {
  const auto now = read(kernel, memory);
  return now ? std::optional(*now) : std::nullopt;
}

}  // namespace ringside::guest::linux
