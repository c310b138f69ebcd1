// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/process_group.h"

namespace ringside::guest::linux {

namespace {

/// signal_struct.pids of one kind; enum pid_type (include/linux/pid_types.h).
ObjectReader::Member add_pid(Kernel& kernel, ObjectReader& signal, std::string_view kind, unsigned usual) {
  const auto index =
      kernel.types().and_then([&](const Types* types) { return types->enumerator("pid_type", kind); });
  return signal.add("pids[" + std::to_string(index.value_or(usual)) + "]");
}

/// A pseudo terminal's slave is called "pts0" in the kernel and stands under /dev as "pts/0"
/// (drivers/tty/pty.c).
std::string device_name(std::string name) {
  constexpr std::string_view kSlave = "pts";
  if (name.size() > kSlave.size() && name.starts_with(kSlave) && name[3] >= '0' && name[3] <= '9')
    name.insert(kSlave.size(), 1, '/');
  return name;
}

}  // namespace

ProcessGroupReader::ProcessGroupReader(Kernel& kernel, PidReader& pids)
    : pids_(pids),
      signal_(kernel, "signal_struct"),
      tty_(kernel, "tty_struct"),
      driver_(kernel, "tty_driver"),
      threads_(signal_.add("nr_threads")),
      pgrp_(add_pid(kernel, signal_, "PIDTYPE_PGID", 2)),
      session_(add_pid(kernel, signal_, "PIDTYPE_SID", 3)),
      tty_pointer_(signal_.add("tty")),
      name_(tty_.add("name")),
      index_(tty_.add("index")),
      driver_pointer_(tty_.add("driver")),
      major_(driver_.add("major")),
      minor_start_(driver_.add("minor_start")) {}

Result<ProcessGroupReader::Tty> ProcessGroupReader::tty(Gva address) {
  if (const auto found = ttys_.find(address.value); found != ttys_.end()) return found->second;
  RINGSIDE_CHECK(tty_.read(address));
  Tty made{device_name(tty_.text(name_).value_or("")), std::nullopt};
  const auto driver = tty_.pointer(driver_pointer_);
  const bool has_driver = driver && *driver != Gva{0};
  if (has_driver) RINGSIDE_CHECK(driver_.read(*driver));
  const auto major = driver_.u32(major_), start = driver_.u32(minor_start_), index = tty_.u32(index_);
  if (has_driver && major && start && index) {
    // MKDEV leaves 20 bits to the minor number; new_encode_dev() spreads them (include/linux/kdev_t.h).
    const std::uint32_t minor = (*start + *index) & 0xfffff;
    made.device = (minor & 0xff) | ((*major & 0xfff) << 8) | ((minor & ~0xffu) << 12);
  }
  ttys_.emplace(address.value, made);
  return made;
}

Result<ProcessGroup> ProcessGroupReader::read(Gva signal) {
  RINGSIDE_CHECK(signal_.read(signal));
  ProcessGroup group;
  group.threads = signal_.u32(threads_);
  const auto number = [&](ObjectReader::Member member) -> Result<std::optional<std::int32_t>> {
    RINGSIDE_TRY(const auto numbers, pids_.read(signal_.pointer(member).value_or(Gva{0})));
    if (!numbers) return std::optional<std::int32_t>{};
    return std::optional(numbers->outermost);
  };
  RINGSIDE_TRY(group.pgrp, number(pgrp_));
  RINGSIDE_TRY(group.session, number(session_));
  if (const Gva address = signal_.pointer(tty_pointer_).value_or(Gva{0}); address != Gva{0}) {
    RINGSIDE_TRY(auto terminal, tty(address));
    if (!terminal.name.empty()) group.tty = std::move(terminal.name);
    group.tty_device = terminal.device;
  }
  return group;
}

}  // namespace ringside::guest::linux
