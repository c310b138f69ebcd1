// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/settings.h"

#include "guest/linux/modules.h"
#include "guest/linux/symboliser.h"
#include "guest/linux/sysctl.h"

#include <algorithm>
#include <array>
#include <span>

namespace ringside::guest::linux {

namespace {

using Way = Setting::Way;

struct Known {
  std::string_view name, sysctl;  ///< the variable; the sysctl that shows it, if one does
  unsigned bytes;                 ///< of a number, as the kernel declares it
  bool text;                      ///< it is a string of at most `bytes`
  std::string_view normal;
  Way way = Way::any;
  int final = 0;
};

// kernel/kmod.c, fs/coredump.c, kernel/reboot.c, kernel/module, security/lockdown, kernel/events/core.c,
// kernel/bpf/syscall.c, kernel/kexec_core.c, kernel/trace/ftrace.c, kernel/kprobes.c, kernel/audit.c, ...
constexpr std::array kKnown = {
    Known{"modprobe_path", "kernel.modprobe", 256, true, "/sbin/modprobe"},
    Known{"core_pattern", "kernel.core_pattern", 128, true, "core"},
    Known{"poweroff_cmd", "kernel.poweroff_cmd", 256, true, "/sbin/poweroff"},
    Known{"reboot_cmd", "", 32, true, "/sbin/reboot"},
    Known{"uevent_helper", "kernel.hotplug", 256, true, ""},
    Known{"modules_disabled", "kernel.modules_disabled", 4, false, "0", Way::rises},
    Known{"sig_enforce", "", 1, false, "", Way::rises},
    Known{"kernel_locked_down", "", 4, false, "", Way::rises},
    Known{"kexec_load_disabled", "kernel.kexec_load_disabled", 4, false, "0", Way::rises},
    Known{"sysctl_unprivileged_bpf_disabled", "kernel.unprivileged_bpf_disabled", 4, false, "", Way::ends, 1},
    Known{"audit_enabled", "", 4, false, "", Way::ends, 2},
    Known{"ptrace_scope", "kernel.yama.ptrace_scope", 4, false, "", Way::ends, 3},
    Known{"tainted_mask", "", 0, false, "", Way::gains_bits},
    Known{"kernel_set_to_readonly", "", 4, false, "1", Way::rises},
    Known{"rodata_enabled", "", 1, false, "1", Way::rises},
    Known{"kptr_restrict", "kernel.kptr_restrict", 4, false, ""},
    Known{"dmesg_restrict", "kernel.dmesg_restrict", 4, false, ""},
    Known{"sysctl_perf_event_paranoid", "kernel.perf_event_paranoid", 4, false, ""},
    Known{"randomize_va_space", "kernel.randomize_va_space", 4, false, "2"},
    Known{"mmap_min_addr", "", 0, false, ""},
    Known{"suid_dumpable", "fs.suid_dumpable", 4, false, ""},
    Known{"ftrace_enabled", "kernel.ftrace_enabled", 4, false, "1"},
    Known{"kprobes_all_disarmed", "", 1, false, "0"},
    Known{"apparmor_enabled", "", 4, false, ""},
    Known{"sysrq_enabled", "", 4, false, ""},
    Known{"bpf_jit_harden", "net.core.bpf_jit_harden", 4, false, ""},
    Known{"panic_on_oops", "kernel.panic_on_oops", 4, false, ""},
    Known{"unprivileged_userns_clone", "kernel.unprivileged_userns_clone", 4, false, ""},
};

class SettingReader {
 public:
  explicit SettingReader(Kernel& kernel)
      : kernel_(kernel), named_(kernel.identity().bits != 32 || kernel.find_symbol("__start_rodata")) {}

  void take(const Known& known, Listing<Setting>& into) {
    Setting setting;
    setting.name = known.name;
    setting.normal = known.normal;
    setting.way = known.way;
    if (known.way == Way::ends) setting.final = known.final;
    if (!find(known, setting)) return;
    if (auto read = value(known, setting); !read)
      return into.problem(read.error().within("setting " + setting.name));
    into.entries.push_back(std::move(setting));
  }
  /// What this kernel may have and does not tell; empty: nothing.
  const std::string& unknown() const { return unknown_; }

 private:
  bool find(const Known& known, Setting& setting) {
    if (const auto at = kernel_.find_symbol(known.name)) {
      // One that serves the boot only is gone, and others use its place.
      if (Symboliser::of(kernel_).region(*at) == AddressRegion::kernel_init) return false;
      setting.gva = *at;
      setting.source = "symbol";
      return true;
    }
    // A kernel that names its variables and not this one was built without it.
    if (named_) return false;
    if (!known.sysctl.empty()) {
      const auto& all = sysctl_values();
      const auto found = std::ranges::find(all, known.sysctl, &Sysctl::name);
      if (found != all.end() && found->data.value != 0 && found->length >= (known.text ? 1 : known.bytes)) {
        setting.gva = found->data;
        setting.source = "sysctl";
        return true;
      }
    }
    unknown_ += (unknown_.empty() ? "" : ", ") + std::string(known.name);
    return false;
  }
  const std::vector<Sysctl>& sysctl_values() {
    if (!sysctls_) {
      auto all = sysctls(kernel_);
      sysctls_ = all ? std::move(all->entries) : std::vector<Sysctl>();
    }
    return *sysctls_;
  }
  Result<void> value(const Known& known, Setting& setting) {
    if (known.text) {
      RINGSIDE_TRY(setting.text, kernel_.read_string(setting.gva, known.bytes));
      return {};
    }
    const unsigned bytes = known.bytes == 0 ? kernel_.pointer_size() : known.bytes;
    RINGSIDE_TRY(const auto number,
                 kernel_.read_field(setting.gva, Field{.size = bytes, .is_signed = bytes == 4}));
    setting.number = static_cast<std::int64_t>(number);
    return {};
  }

  Kernel& kernel_;
  bool named_;
  std::optional<std::vector<Sysctl>> sysctls_;
  std::string unknown_;
};

/// Every taint of a module is one of the kernel (kernel/module/main.c add_taint_module).
void require_taints(Kernel& kernel, Listing<Setting>& into) {
  const auto mask = std::ranges::find(into.entries, "tainted_mask", &Setting::name);
  if (mask == into.entries.end()) return;
  const auto all = modules(kernel, ModuleParts::taints);
  for (const auto& error : all.problems) into.problem(error.within("taints of modules"));
  std::uint64_t taints = 0;
  for (const Module& module : all.entries)
    if (module.state == ModuleState::live) taints |= module.taints.value_or(0);
  mask->required = taints;
}

/// The state of SELinux is one object (security/selinux/include/security.h).
void take_selinux(Kernel& kernel, Listing<Setting>& into,
                  const std::function<bool(std::string_view)>& wanted) {
  const auto state = kernel.find_symbol("selinux_state");
  const auto field = kernel.field("selinux_state", "enforcing"),
             initialised = kernel.field("selinux_state", "initialized");
  if (!state || !field || !initialised) return;
  const auto enforcing = kernel.read_field(*state, *field), loaded = kernel.read_field(*state, *initialised);
  if (!enforcing || !loaded)
    return into.problem((!enforcing ? enforcing.error() : loaded.error()).within("setting selinux_state"));
  Setting setting;
  setting.source = "symbol";
  setting.name = "selinux_state.enforcing";
  setting.number = static_cast<std::int64_t>(*enforcing);
  setting.gva = *state + field->offset;
  if (wanted(setting.name)) into.entries.push_back(setting);
  setting.name = "selinux_state.initialized";
  setting.number = static_cast<std::int64_t>(*loaded);
  setting.way = Way::rises;
  setting.gva = *state + initialised->offset;
  if (wanted(setting.name)) into.entries.push_back(std::move(setting));
}

}  // namespace

std::string_view to_string(Setting::Way way) {
  switch (way) {
    case Way::any:
      return "any";
    case Way::rises:
      return "rises";
    case Way::ends:
      return "ends";
    case Way::gains_bits:
      return "gains_bits";
  }
  return "any";
}

Result<Listing<Setting>> settings(Kernel& kernel, const std::function<bool(std::string_view)>& wanted) {
  if (const auto booted = kernel.booted(); booted && !*booted)
    return fail(Errc::unavailable, "the kernel is still booting");
  Listing<Setting> listing;
  SettingReader reader(kernel);
  for (const Known& known : kKnown)
    if (wanted(known.name)) reader.take(known, listing);
  take_selinux(kernel, listing, wanted);
  require_taints(kernel, listing);
  if (!reader.unknown().empty())
    listing.problem(
        {Errc::unavailable, "settings " + reader.unknown() + ": this kernel has no names for its variables"});
  return listing;
}

}  // namespace ringside::guest::linux
