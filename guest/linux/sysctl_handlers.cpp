// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/sysctl_value.h"

#include <utility>

namespace ringside::guest::linux {

namespace {

using F = SysctlFormat;

// What each does when the file is read. The first group are those of kernel/sysctl.c that everybody uses; the
// others act on a write, and on a read do what one of the first group does, to the same data.
constexpr std::pair<std::string_view, SysctlFormat> kHandlers[] = {
    {"proc_dostring", F::text},
    {"proc_dobool", F::boolean},
    {"proc_dou8vec_minmax", F::bytes},
    {"proc_dointvec", F::integers},
    {"proc_dointvec_minmax", F::integers},
    {"proc_douintvec", F::unsigneds},
    {"proc_douintvec_minmax", F::unsigneds},
    {"proc_doulongvec_minmax", F::longs},
    {"proc_doulongvec_ms_jiffies_minmax", F::longs_ms},
    {"proc_dointvec_jiffies", F::seconds},
    {"proc_dointvec_userhz_jiffies", F::user_ticks},
    {"proc_dointvec_ms_jiffies", F::milliseconds},
    {"proc_dointvec_ms_jiffies_minmax", F::milliseconds},
    {"proc_do_large_bitmap", F::bitmap},
};

/// Ticks a second (CONFIG_HZ), from the clock source that counts them: one tick is `mult` >> `shift`
/// nanoseconds (kernel/time/jiffies.c).
std::optional<unsigned> ticks_per_second(Kernel& kernel) {
  constexpr std::uint64_t kSecond = 1'000'000'000;
  const auto clock = kernel.find_symbol("clocksource_jiffies");
  const auto mult = kernel.field("clocksource", "mult"), shift = kernel.field("clocksource", "shift");
  if (!clock || !mult || !shift) return std::nullopt;
  const auto factor = kernel.read_field(*clock, *mult), bits = kernel.read_field(*clock, *shift);
  if (!factor || !bits || *bits > 31 || (*factor >> *bits) == 0) return std::nullopt;
  const std::uint64_t tick = *factor >> *bits, hz = (kSecond + tick / 2) / tick;
  if (hz < 24 || hz > 10'000) return std::nullopt;
  return static_cast<unsigned>(hz);
}

}  // namespace

SysctlHandlers::SysctlHandlers(Kernel& kernel) : hz_(ticks_per_second(kernel)) {
  for (const auto& [name, format] : kHandlers)
    if (const auto function = kernel.find_symbol(name)) formats_.emplace(function->value, format);
}

std::optional<SysctlFormat> SysctlHandlers::format(Gva handler) const {
  const auto found = formats_.find(handler.value);
  if (found == formats_.end()) return std::nullopt;
  return found->second;
}

}  // namespace ringside::guest::linux
