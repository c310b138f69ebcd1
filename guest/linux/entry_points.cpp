// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/entry_points.h"

#include <string>

namespace ringside::guest::linux {

namespace {

constexpr unsigned kExceptions = 32, kFirstExternal = 0x20, kInt80 = 0x80;

/// asm_exc_NAME by vector (arch/x86/include/asm/idtentry.h); empty: Linux has no handler.
constexpr std::array<std::string_view, kExceptions> kExceptionNames = {
    "divide_error",
    "debug",
    "nmi",
    "int3",
    "overflow",
    "bounds",
    "invalid_op",
    "device_not_available",
    "double_fault",
    "coproc_segment_overrun",
    "invalid_tss",
    "segment_not_present",
    "stack_segment",
    "general_protection",
    "page_fault",
    "spurious_interrupt_bug",
    "coprocessor_error",
    "alignment_check",
    "machine_check",
    "simd_coprocessor_error",
    "virtualization_exception",
    "control_protection",
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "vmm_communication",
    "",
    "",
};

/// A system vector and the functions asm_sysvec_* that it may enter.
struct SystemVector {
  unsigned vector;
  std::string_view name;
  std::array<std::string_view, 4> functions;
};

/// arch/x86/include/asm/irq_vectors.h. A vector is free in releases that lack its function.
constexpr std::array kSystemVectors = {
    SystemVector{0x20, "irq_move_cleanup", {"irq_move_cleanup"}},
    SystemVector{0xeb, "posted_msi_notification", {"posted_msi_notification"}},
    SystemVector{0xec, "apic_timer_interrupt", {"apic_timer_interrupt"}},
    SystemVector{0xed, "hyperv_stimer0", {"hyperv_stimer0"}},
    SystemVector{0xee, "hyperv_reenlightenment", {"hyperv_reenlightenment"}},
    SystemVector{0xf0, "kvm_posted_intr_nested_ipi", {"kvm_posted_intr_nested_ipi"}},
    SystemVector{0xf1, "kvm_posted_intr_wakeup_ipi", {"kvm_posted_intr_wakeup_ipi"}},
    SystemVector{0xf2, "kvm_posted_intr_ipi", {"kvm_posted_intr_ipi"}},
    SystemVector{0xf3,
                 "hypervisor_callback",
                 {"kvm_asyncpf_interrupt", "xen_hvm_callback", "hyperv_callback", "acrn_hv_callback"}},
    SystemVector{0xf4, "deferred_error", {"deferred_error"}},
    SystemVector{0xf5, "perf_guest_mediated_pmi", {"perf_guest_mediated_pmi_handler"}},
    SystemVector{0xf6, "irq_work", {"irq_work"}},
    SystemVector{0xf7, "x86_platform_ipi", {"x86_platform_ipi"}},
    SystemVector{0xf8, "reboot", {"reboot"}},
    SystemVector{0xf9, "threshold", {"threshold"}},
    SystemVector{0xfa, "thermal", {"thermal"}},
    SystemVector{0xfb, "call_function_single", {"call_function_single"}},
    SystemVector{0xfc, "call_function", {"call_function"}},
    SystemVector{0xfd, "reschedule_ipi", {"reschedule_ipi"}},
    SystemVector{0xfe, "error_interrupt", {"error_interrupt"}},
    SystemVector{0xff, "spurious_apic_interrupt", {"spurious_apic_interrupt"}},
};

void add(Kernel& kernel, EntryPoint& point, const std::string& symbol) {
  if (const auto at = kernel.find_symbol(symbol)) point.handlers.push_back(*at);
}

}  // namespace

EntryPoints::EntryPoints(Kernel& kernel) {
  interrupts(kernel);
  exceptions(kernel);
}

void EntryPoints::exceptions(Kernel& kernel) {
  const bool wide = kernel.identity().bits == 64;
  // EARLY_IDT_HANDLER_SIZE (arch/x86/include/asm/segment.h): with indirect-branch tracking each begins with
  // ENDBR.
  const std::uint64_t early_size = stub_ == 16 ? 13 : 9;
  const auto early = kernel.find_symbol("early_idt_handler_array");
  for (unsigned vector = 0; vector < kExceptions; ++vector) {
    auto& point = points_[vector];
    const auto name = kExceptionNames[vector];
    point.name = name.empty() ? "reserved" : name;
    // A 32-bit kernel's double fault switches tasks.
    if (vector == 8 && !wide) continue;
    if (!name.empty()) add(kernel, point, "asm_exc_" + std::string(name));
    // What the kernel sets no gate for keeps the one of early boot, whose code is freed. That are exceptions
    // that it knows nothing of, and those that this CPU or configuration lacks.
    const bool always_set = vector <= 19 && vector != 18;
    if (early && !always_set) point.handlers.push_back(*early + vector * early_size);
  }
}

void EntryPoints::interrupts(Kernel& kernel) {
  const auto external = kernel.find_symbol("irq_entries_start"),
             spurious = kernel.find_symbol("spurious_entries_start");
  if (external && spurious && *spurious > *external) {
    // One stub of 8 bytes for each device vector, 16 with indirect-branch tracking (IDT_ALIGN); they end
    // where the system vectors begin.
    const std::uint64_t bytes = *spurious - *external;
    for (const unsigned size : {8u, 16u})
      if (stub_ == 0 && bytes / size <= 256 - kFirstExternal) stub_ = size;
    if (stub_ != 0) first_system_ = kFirstExternal + static_cast<unsigned>(bytes / stub_);
  }
  for (unsigned vector = kFirstExternal; vector < points_.size(); ++vector) {
    auto& point = points_[vector];
    const bool device = first_system_ == 0 || vector < first_system_;
    point.name = device ? "external_interrupt" : "spurious_interrupt";
    if (stub_ == 0) continue;
    point.handlers.push_back(device ? *external + std::uint64_t{vector - kFirstExternal} * stub_
                                    : *spurious + std::uint64_t{vector - first_system_} * stub_);
  }
  for (const auto& system : kSystemVectors) {
    EntryPoint named{system.name, {}};
    for (const auto function : system.functions)
      if (!function.empty()) add(kernel, named, "asm_sysvec_" + std::string(function));
    if (named.handlers.empty()) continue;
    // Set on a machine that has use for it only.
    auto& point = points_[system.vector];
    named.handlers.insert(named.handlers.end(), point.handlers.begin(), point.handlers.end());
    point = std::move(named);
  }
  EntryPoint int80{"int80", {}};
  for (const auto* symbol : {"entry_INT80_compat", "asm_int80_emulation", "entry_INT80_32"})
    add(kernel, int80, symbol);
  if (!int80.handlers.empty()) {
    auto& point = points_[kInt80];
    int80.handlers.insert(int80.handlers.end(), point.handlers.begin(), point.handlers.end());
    point = std::move(int80);
  }
}

}  // namespace ringside::guest::linux
