// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/boot_time.h"

#include "guest/linux/code_references.h"
#include "guest/linux/object_reader.h"

#include <algorithm>

namespace ringside::guest::linux {

namespace {

/// Members of struct timekeeper (include/linux/timekeeper_internal.h), nanoseconds modulo 2^64 each.
struct Offsets {
  std::uint64_t wall_to_monotonic = 0;  ///< monotonic clock minus wall clock
  std::uint64_t real = 0;               ///< wall clock minus monotonic clock
  std::uint64_t boot = 0;               ///< boot-time clock minus monotonic clock

  /// The kernel keeps the two equal (tk_set_wall_to_mono): where they are not, there is no timekeeper.
  bool consistent() const { return real != 0 && real == 0 - wall_to_monotonic; }
};

constexpr std::uint64_t kNanoseconds = 1'000'000'000;

/// struct timekeeper stands behind a sequence counter in a struct that has a name only from 6.13 on.
Result<Gva> find_timekeeper(Kernel& kernel) {
  RINGSIDE_TRY(const Gva core, kernel.symbol_of({"timekeeper_data", "tk_core"}));
  if (const auto member = kernel.field("tk_data", "timekeeper")) return core + member->offset;
  RINGSIDE_TRY(const Types* types, kernel.types());
  RINGSIDE_TRY(const auto counter, types->size_of("seqcount_raw_spinlock_t"));
  // The timekeeper's own alignment: that of its 64-bit members, four bytes on i386.
  const std::uint64_t align = kernel.pointer_size();
  return core + (counter + align - 1) / align * align;
}

Result<Offsets> by_type(Kernel& kernel) {
  RINGSIDE_TRY(const Gva timekeeper, find_timekeeper(kernel));
  ObjectReader reader(kernel, "timekeeper");
  const auto real = reader.add("offs_real"), boot = reader.add("offs_boot"),
             seconds = reader.add("wall_to_monotonic.tv_sec"), rest = reader.add("wall_to_monotonic.tv_nsec");
  if (!reader.missing().empty()) return fail(reader.missing().front());
  RINGSIDE_CHECK(reader.read(timekeeper));
  Offsets offsets;
  offsets.wall_to_monotonic =
      reader.integer(seconds).value_or(0) * kNanoseconds + reader.integer(rest).value_or(0);
  offsets.real = reader.integer(real).value_or(0);
  offsets.boot = reader.integer(boot).value_or(0);
  if (!offsets.consistent())
    return fail(Errc::mismatch, "what stands at " + to_string(timekeeper) + " is no timekeeper");
  return offsets;
}

/// On a 32-bit kernel that names functions only: getboottime64() subtracts offs_boot from offs_real, word by
/// word, and the three members have always stood one behind the other: a struct timespec64 of 8 and 4 bytes,
/// then two ktime_t.
Result<Offsets> by_code(Kernel& kernel) {
  const auto held = code_references(kernel, {"getboottime64"});
  const auto holds = [&](Gva gva) { return std::find(held.begin(), held.end(), gva) != held.end(); };
  for (const Gva real : held) {
    if (!holds(real + 4) || !holds(real + 8) || !holds(real + 12)) continue;
    const auto seconds = kernel.read<std::uint64_t>(Gva{real.value - 12});
    const auto rest = kernel.read<std::uint32_t>(Gva{real.value - 4});
    const auto offs_real = kernel.read<std::uint64_t>(real), offs_boot = kernel.read<std::uint64_t>(real + 8);
    if (!seconds || !rest || !offs_real || !offs_boot) continue;
    const Offsets offsets{*seconds * kNanoseconds + *rest, *offs_real, *offs_boot};
    if (offsets.consistent()) return offsets;
  }
  return fail(Errc::unavailable, "where this kernel keeps the time could not be worked out");
}

/// A guest that says that it has been up for longer than this says nothing.
constexpr std::chrono::hours kLongestUptime{24 * 366 * 50};

}  // namespace

Result<std::chrono::sys_time<std::chrono::nanoseconds>> boot_time(Kernel& kernel) {
  auto offsets = by_type(kernel);
  if (!offsets && offsets.error().code != Errc::mismatch && kernel.identity().bits == 32)
    offsets = by_code(kernel);
  if (!offsets) return fail(std::move(offsets).error());
  return std::chrono::sys_time<std::chrono::nanoseconds>(
      std::chrono::nanoseconds(static_cast<std::int64_t>(offsets->real - offsets->boot)));
}

Result<std::chrono::seconds> uptime(Kernel& kernel) {
  RINGSIDE_CHECK(by_type(kernel));  // else there is no timekeeper
  RINGSIDE_TRY(const Gva timekeeper, find_timekeeper(kernel));
  ObjectReader reader(kernel, "timekeeper");
  const auto seconds = reader.add("ktime_sec");
  if (!reader.missing().empty()) return fail(reader.missing().front());
  RINGSIDE_CHECK(reader.read(timekeeper));
  const std::uint64_t value = reader.integer(seconds).value_or(0);
  if (value > static_cast<std::uint64_t>(std::chrono::seconds(kLongestUptime).count()))
    return fail(Errc::mismatch, "the kernel's own clock shows no time that it can have been up");
  return std::chrono::seconds(value);
}

}  // namespace ringside::guest::linux
