// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/notifier_chains.h"

#include <algorithm>
#include <array>

namespace ringside::guest::linux {

namespace {

struct Known {
  std::string_view name;
  ChainKind kind;
};

// From the definitions in the sources of 5.10 to 7.2 (RAW_, ATOMIC_, BLOCKING_, SRCU_NOTIFIER_HEAD), sorted.
constexpr std::array kKnown = {
    Known{"acpi_chain_head", ChainKind::blocking},
    Known{"acpi_hed_notify_list", ChainKind::blocking},
    Known{"acpi_lid_notifier", ChainKind::blocking},
    Known{"acpi_reconfig_chain", ChainKind::blocking},
    Known{"amd_power_profile_chain", ChainKind::blocking},
    Known{"backlight_notifier", ChainKind::blocking},
    Known{"blocking_lsm_notifier_chain", ChainKind::blocking},
    Known{"cgroup_lifetime_notifier", ChainKind::blocking},
    Known{"cpu_pm_notifier_chain", ChainKind::raw},
    Known{"cpufreq_policy_notifier_list", ChainKind::blocking},
    Known{"cpufreq_transition_notifier_list", ChainKind::srcu},
    Known{"crypto_chain", ChainKind::blocking},
    Known{"cxl_mce_chain", ChainKind::blocking},
    Known{"dca_provider_chain", ChainKind::blocking},
    Known{"dcbevent_notif_chain", ChainKind::atomic},
    Known{"die_chain", ChainKind::atomic},
    Known{"fb_notifier_list", ChainKind::blocking},
    Known{"fips_fail_notif_chain", ChainKind::atomic},
    Known{"ghes_report_chain", ChainKind::atomic},
    Known{"inet6addr_chain", ChainKind::atomic},
    Known{"inet6addr_validator_chain", ChainKind::blocking},
    Known{"inetaddr_chain", ChainKind::blocking},
    Known{"inetaddr_validator_chain", ChainKind::blocking},
    Known{"keyboard_notifier_list", ChainKind::atomic},
    Known{"lease_notifier_chain", ChainKind::srcu},
    Known{"memory_chain", ChainKind::blocking},
    Known{"module_notify_list", ChainKind::blocking},
    Known{"munmap_notifier", ChainKind::blocking},
    Known{"netdev_chain", ChainKind::raw},
    Known{"netevent_notif_chain", ChainKind::atomic},
    Known{"netlink_chain", ChainKind::blocking},
    Known{"node_chain", ChainKind::blocking},
    Known{"oom_notify_list", ChainKind::blocking},
    Known{"panic_notifier_list", ChainKind::atomic},
    Known{"pm_chain_head", ChainKind::blocking},
    Known{"power_off_handler_list", ChainKind::atomic},
    Known{"power_off_prep_handler_list", ChainKind::blocking},
    Known{"power_supply_notifier", ChainKind::blocking},  // atomic before 6.1.y
    Known{"pvclock_gtod_chain", ChainKind::raw},
    Known{"random_ready_chain", ChainKind::raw},
    Known{"random_ready_notifier", ChainKind::atomic},
    Known{"rcu_stall_notifier_list", ChainKind::atomic},
    Known{"reboot_notifier_list", ChainKind::blocking},
    Known{"restart_handler_list", ChainKind::atomic},
    Known{"restart_prep_handler_list", ChainKind::blocking},
    Known{"switchdev_blocking_notif_chain", ChainKind::blocking},
    Known{"switchdev_notif_chain", ChainKind::atomic},
    Known{"task_exit_notifier", ChainKind::blocking},
    Known{"task_free_notifier", ChainKind::atomic},
    Known{"thermal_genl_chain", ChainKind::blocking},
    Known{"tracepoint_notify_list", ChainKind::blocking},
    Known{"usb_notifier_list", ChainKind::blocking},
    Known{"vendor_record_notify_list", ChainKind::blocking},
    Known{"vmap_notify_list", ChainKind::blocking},
    Known{"vmfork_chain", ChainKind::blocking},
    Known{"vt_notifier_list", ChainKind::atomic},
    Known{"wmi_notifier_list", ChainKind::blocking},
    Known{"x86_mce_decoder_chain", ChainKind::blocking},
    Known{"xen_resume_notifier", ChainKind::raw},
    Known{"xenstore_chain", ChainKind::blocking},
};
static_assert(std::ranges::is_sorted(kKnown, {}, &Known::name));

}  // namespace

std::string_view type_of(ChainKind kind) {
  switch (kind) {
    case ChainKind::raw:
      return "raw_notifier_head";
    case ChainKind::atomic:
      return "atomic_notifier_head";
    case ChainKind::blocking:
      return "blocking_notifier_head";
    case ChainKind::srcu:
      return "srcu_notifier_head";
  }
  return "raw_notifier_head";
}

std::optional<ChainKind> known_chain(std::string_view variable) {
  const auto found = std::ranges::lower_bound(kKnown, variable, {}, &Known::name);
  return found != kKnown.end() && found->name == variable ? std::optional(found->kind) : std::nullopt;
}

bool may_be_chain(std::string_view variable) {
  constexpr std::array<std::string_view, 7> kEnds = {
      "_chain", "_chain_head", "_notify_list", "_notifier", "_notif_chain", "_notifiers", "_notifier_list"};
  return std::ranges::any_of(kEnds, [&](std::string_view end) { return variable.ends_with(end); });
}

}  // namespace ringside::guest::linux
