// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/boot_time.h"

#include "guest/linux/object_reader.h"

namespace ringside::guest::linux {

namespace {

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

}  // namespace

Result<std::chrono::sys_time<std::chrono::nanoseconds>> boot_time(Kernel& kernel) {
  constexpr std::uint64_t kNanoseconds = 1'000'000'000;
  RINGSIDE_TRY(const Gva timekeeper, find_timekeeper(kernel));
  ObjectReader reader(kernel, "timekeeper");
  const auto real = reader.add("offs_real"), boot = reader.add("offs_boot"),
             seconds = reader.add("wall_to_monotonic.tv_sec"), rest = reader.add("wall_to_monotonic.tv_nsec");
  if (!reader.missing().empty()) return fail(reader.missing().front());
  RINGSIDE_CHECK(reader.read(timekeeper));
  // The kernel keeps the two equal (tk_set_wall_to_mono): if they are not, this is no timekeeper.
  const std::uint64_t offset = reader.integer(real).value_or(0);
  const std::uint64_t wall =
      reader.integer(seconds).value_or(0) * kNanoseconds + reader.integer(rest).value_or(0);
  if (offset != 0 - wall)
    return fail(Errc::mismatch, "what stands at " + to_string(timekeeper) + " is no timekeeper");
  const auto at_boot = static_cast<std::int64_t>(offset - reader.integer(boot).value_or(0));
  return std::chrono::sys_time<std::chrono::nanoseconds>(std::chrono::nanoseconds(at_boot));
}

}  // namespace ringside::guest::linux
