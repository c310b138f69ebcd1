// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/code_references.h"
#include "guest/linux/sysctl_value.h"

#include <algorithm>
#include <limits>
#include <span>
#include <string_view>

namespace ringside::guest::linux {

namespace {

// What each does when the file is read. Where several are listed with one format, the first are those of
// kernel/sysctl.c that everybody uses; the others act on a write, and on a read do what one of the first
// does, to the same data.
constexpr std::string_view kText[] = {"proc_dostring",
                                      "proc_dostring_coredump",
                                      "devkmsg_sysctl_set_loglvl",
                                      "numa_zonelist_order_handler",
                                      "proc_do_uts_string",
                                      "proc_path_manager",
                                      "proc_scheduler"};
constexpr std::string_view kBoolean[] = {"proc_dobool"};
constexpr std::string_view kIntegers[] = {"proc_dointvec",
                                          "proc_dointvec_minmax",
                                          "proc_dointvec_minmax_bpf_enable",
                                          "proc_dointvec_minmax_bpf_restricted",
                                          "proc_dointvec_minmax_coredump",
                                          "proc_dointvec_minmax_sysadmin",
                                          "proc_dointvec_minmax_warn_RT_change",
                                          "addrconf_sysctl_addr_gen_mode",
                                          "addrconf_sysctl_disable",
                                          "addrconf_sysctl_disable_policy",
                                          "addrconf_sysctl_force_forwarding",
                                          "addrconf_sysctl_forward",
                                          "addrconf_sysctl_ignore_routes_with_linkdown",
                                          "addrconf_sysctl_mtu",
                                          "addrconf_sysctl_proxy_ndp",
                                          "apparmor_dointvec",
                                          "bpf_unpriv_handler",
                                          "compaction_proactiveness_sysctl_handler",
                                          "devinet_conf_proc",
                                          "devinet_sysctl_forward",
                                          "dirty_background_ratio_handler",
                                          "dirty_ratio_handler",
                                          "dirty_writeback_centisecs_handler",
                                          "dirtytime_interval_handler",
                                          "flow_limit_table_len_sysctl",
                                          "ftrace_enable_sysctl",
                                          "ipv4_doint_and_flush",
                                          "ipv4_privileged_ports",
                                          "lowmem_reserve_ratio_sysctl_handler",
                                          "mac_hid_toggle_emumouse",
                                          "min_free_kbytes_sysctl_handler",
                                          "neigh_proc_dointvec",
                                          "neigh_proc_dointvec_zero_intmax",
                                          "overcommit_policy_handler",
                                          "overcommit_ratio_handler",
                                          "percpu_pagelist_fraction_sysctl_handler",
                                          "percpu_pagelist_high_fraction_sysctl_handler",
                                          "perf_cpu_time_max_percent_handler",
                                          "perf_event_max_sample_rate_handler",
                                          "perf_event_max_stack_handler",
                                          "perf_proc_update_handler",
                                          "proc_blackhole_detect_timeout",
                                          "proc_do_dev_weight",
                                          "proc_do_rointvec",
                                          "proc_do_skb_defer_max",
                                          "proc_ipc_dointvec",
                                          "proc_ipc_dointvec_minmax",
                                          "proc_ipc_dointvec_minmax_orphans",
                                          "proc_ipc_sem_dointvec",
                                          "proc_mq_dointvec",
                                          "proc_mq_dointvec_minmax",
                                          "proc_tfo_blackhole_detect_timeout",
                                          "proc_watchdog_thresh",
                                          "sched_proc_update_handler",
                                          "sched_rr_handler",
                                          "sched_rt_handler",
                                          "stack_trace_sysctl",
                                          "sysctl_min_slab_ratio_sysctl_handler",
                                          "sysctl_min_unmapped_ratio_sysctl_handler",
                                          "sysctl_sched_uclamp_handler",
                                          "sysctl_vm_numa_stat_handler",
                                          "timer_migration_handler",
                                          "tracepoint_printk_sysctl",
                                          "watermark_scale_factor_sysctl_handler",
                                          "yama_dointvec_minmax"};
constexpr std::string_view kUnsigneds[] = {
    "proc_douintvec",       "proc_douintvec_minmax",          "ipv4_ping_group_range",
    "proc_dopipe_max_size", "proc_fib_multipath_hash_fields", "proc_rt6_multipath_hash_fields"};
constexpr std::string_view kBytes[] = {"proc_dou8vec_minmax", "proc_pm_type"};
constexpr std::string_view kBytesOrIntegers[] = {"ipv4_fwd_update_priority", "proc_fib_multipath_hash_policy",
                                                 "proc_rt6_multipath_hash_policy"};
constexpr std::string_view kLongs[] = {"proc_doulongvec_minmax",
                                       "dirty_background_bytes_handler",
                                       "dirty_bytes_handler",
                                       "mmap_min_addr_handler",
                                       "overcommit_kbytes_handler",
                                       "proc_dohung_task_timeout_secs",
                                       "proc_dolongvec_minmax_bpf_restricted",
                                       "proc_ipc_doulongvec_minmax",
                                       "sysctl_panic_print_handler"};
constexpr std::string_view kLongsMs[] = {"proc_doulongvec_ms_jiffies_minmax"};
constexpr std::string_view kSeconds[] = {"proc_dointvec_jiffies", "laptop_mode_handler",
                                         "neigh_proc_dointvec_jiffies"};
constexpr std::string_view kUserTicks[] = {"proc_dointvec_userhz_jiffies",
                                           "neigh_proc_dointvec_userhz_jiffies"};
constexpr std::string_view kMilliseconds[] = {"proc_dointvec_ms_jiffies", "proc_dointvec_ms_jiffies_minmax",
                                              "neigh_proc_dointvec_ms_jiffies",
                                              "neigh_proc_dointvec_ms_jiffies_positive"};
constexpr std::string_view kNeighbour[] = {"ndisc_ifinfo_sysctl_change", "neigh_proc_base_reachable_time"};
constexpr std::string_view kUuid[] = {"proc_do_uuid"};
constexpr std::string_view kBitmap[] = {"proc_do_large_bitmap"};

struct Handlers {
  SysctlFormat format;
  std::span<const std::string_view> names;
};
const Handlers kHandlers[] = {{SysctlFormat::text, kText},
                              {SysctlFormat::boolean, kBoolean},
                              {SysctlFormat::integers, kIntegers},
                              {SysctlFormat::unsigneds, kUnsigneds},
                              {SysctlFormat::bytes, kBytes},
                              {SysctlFormat::bytes_or_integers, kBytesOrIntegers},
                              {SysctlFormat::longs, kLongs},
                              {SysctlFormat::longs_ms, kLongsMs},
                              {SysctlFormat::seconds, kSeconds},
                              {SysctlFormat::user_ticks, kUserTicks},
                              {SysctlFormat::milliseconds, kMilliseconds},
                              {SysctlFormat::neighbour, kNeighbour},
                              {SysctlFormat::uuid, kUuid},
                              {SysctlFormat::bitmap, kBitmap}};

/// Ticks a second (CONFIG_HZ), from the clock source that counts them: one tick is `mult` >> `shift`
/// nanoseconds (kernel/time/jiffies.c).
std::optional<unsigned> ticks_by_clock(Kernel& kernel) {
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

/// The same where the clock source cannot be found: the function that takes a number of seconds holds INT_MAX
/// / HZ in its code, the largest that it accepts. kernel/Kconfig.hz leaves four choices.
std::optional<unsigned> ticks_by_code(Kernel& kernel) {
  const Bytes code = code_of(kernel, "do_proc_dointvec_jiffies_conv");
  std::optional<unsigned> found;
  for (const unsigned hz : {100u, 250u, 300u, 1000u}) {
    const auto largest = static_cast<std::uint32_t>(std::numeric_limits<std::int32_t>::max()) / hz;
    const auto bytes = std::as_bytes(std::span(&largest, 1));
    if (std::search(code.begin(), code.end(), bytes.begin(), bytes.end()) == code.end()) continue;
    if (found) return std::nullopt;
    found = hz;
  }
  return found;
}

std::optional<unsigned> ticks_per_second(Kernel& kernel) {
  const auto hz = ticks_by_clock(kernel);
  return hz || kernel.pointer_size() == 8 ? hz : ticks_by_code(kernel);
}

}  // namespace

SysctlHandlers::SysctlHandlers(Kernel& kernel) : hz_(ticks_per_second(kernel)) {
  for (const auto& [format, names] : kHandlers)
    for (const auto name : names)
      if (const auto function = kernel.find_symbol(name)) formats_.emplace(function->value, format);
}

std::optional<SysctlFormat> SysctlHandlers::format(Gva handler, std::string_view name,
                                                   std::uint32_t length) const {
  const auto found = formats_.find(handler.value);
  if (found == formats_.end()) return std::nullopt;
  // Single bytes since 5.15.
  if (found->second == SysctlFormat::bytes_or_integers)
    return length == 1 ? SysctlFormat::bytes : SysctlFormat::integers;
  // These go by the name of the file (net/core/neighbour.c, net/ipv6/ndisc.c).
  if (found->second == SysctlFormat::neighbour) {
    if (name.ends_with("_ms")) return SysctlFormat::milliseconds;
    return name.ends_with("base_reachable_time") ? SysctlFormat::seconds : SysctlFormat::integers;
  }
  return found->second;
}

}  // namespace ringside::guest::linux
