// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/pages/code_owners.h"

#include "guest/linux/page_cache.h"
#include "guest/linux/pages/bpf_code.h"
#include "guest/linux/pages/code_owner_sources.h"
#include "guest/linux/runtime_code.h"
#include "guest/linux/symboliser.h"

#include <algorithm>
#include <array>

namespace ringside::guest::linux {

namespace {

using Kind = CodeOwnerKind;
constexpr Gva kNobody{0};

void add_modules(Kernel& kernel, Owners& owners) {
  const auto listing = modules(kernel, ModuleParts::layout);
  for (const Error& error : listing.problems) owners.problem(error);
  for (const Module& module : listing.entries)
    for (const ModuleRegion& region : module.regions) {
      if (region.kind == ModuleRegionKind::text)
        owners.add({Kind::module_text, region.base, region.size, module.name, module.address});
      // A module that counts as live has it until all that its init began is done; then it gives it up, and
      // is no longer said to have it. One whose init failed is going while it still has it, for as long as a
      // grace period of RCU takes (kernel/module/main.c, do_init_module).
      if (region.kind == ModuleRegionKind::init_text && module.state != ModuleState::unformed)
        owners.add({Kind::module_init_text, region.base, region.size, module.name, module.address});
    }
}

void add_runtime_code(Kernel& kernel, Owners& owners) {
  const auto listing = runtime_code(kernel);
  for (const Error& error : listing.problems) owners.problem(error);
  for (const RuntimeCode& code : listing.entries) {
    if (code.first == kNobody || code.size == 0) continue;
    switch (code.kind) {
      case RuntimeCode::Kind::bpf: {
        const bool image =
            code.name.starts_with("bpf_trampoline_") || code.name.starts_with("bpf_dispatcher_");
        owners.add_bpf(
            {image ? Kind::bpf_image : Kind::bpf_program, code.first, code.size, code.name, kNobody});
        break;
      }
      case RuntimeCode::Kind::ftrace_trampoline:
        // Its last 8 bytes say whose it is; see ftrace_trampoline.h.
        owners.add({Kind::ftrace_trampoline, code.first, code.size, code.name, kNobody});
        break;
      case RuntimeCode::Kind::kprobe:
        owners.add({code.name == "kprobe_optinsn_page" ? Kind::optprobe_slots : Kind::kprobe_slots,
                    code.first, code.size, code.name, kNobody});
        break;
    }
  }
}

void add_bpf(Kernel& kernel, Owners& owners) {
  const auto packs = bpf_packs(kernel);
  for (const Error& error : packs.problems) owners.problem(error);
  for (const BpfPack& pack : packs.entries) owners.add({Kind::bpf_pack, pack.first, pack.size, "", kNobody});
  const auto programs = bpf_programs(kernel);
  for (const Error& error : programs.problems) owners.problem(error);
  // Image and header share pages: the code begins up to a page behind the header (bpf_jit_binary_alloc).
  for (const BpfProgram& program : programs.entries)
    owners.add_bpf({Kind::bpf_program, program.code, program.code_size,
                    program.id.value_or(0) == 0 ? std::string("classic or part of another")
                                                : "id " + std::to_string(*program.id),
                    program.address});
}

/// Trampolines and dispatchers of BPF that have pages of their own.
std::vector<Gva> bpf_images(Kernel& kernel) {
  std::vector<Gva> images;
  for (const RuntimeCode& code : runtime_code(kernel).entries)
    if (code.kind == RuntimeCode::Kind::bpf &&
        (code.name.starts_with("bpf_trampoline_") || code.name.starts_with("bpf_dispatcher_")))
      images.push_back(page_of(code.first));
  return images;
}

/// Kernels of 32 bits: what asked for the memory tells what it is, as /proc/vmallocinfo would.
void add_by_caller(Kernel& kernel, Owners& owners) {
  struct Caller {
    std::string_view function;
    Kind kind;
  };
  constexpr std::array kCallers = {
      Caller{"bpf_jit_binary_alloc", Kind::bpf_program}, Caller{"bpf_jit_alloc_exec", Kind::bpf_program},
      Caller{"bpf_prog_pack_alloc", Kind::bpf_pack},     Caller{"bpf_jit_alloc_exec_page", Kind::bpf_image},
      Caller{"bpf_trampoline_update", Kind::bpf_image},  Caller{"alloc_insn_page", Kind::kprobe_slots}};
  const auto images = bpf_images(kernel);
  const auto& areas = vmalloc_areas(kernel);
  for (const Error& error : areas.problems) owners.problem(error);
  for (const VmallocArea& area : areas.entries) {
    if (!area.caller) continue;
    const std::string name = function_name(kernel, *area.caller);
    for (const Caller& caller : kCallers) {
      if (caller.function != name) continue;
      // bpf_jit_alloc_exec is asked for both.
      const bool image = std::ranges::find(images, area.start) != images.end();
      owners.add({image ? Kind::bpf_image : caller.kind, area.start, area.size, name, area.vm});
    }
  }
}

}  // namespace

std::string_view to_string(CodeOwnerKind kind) {
  constexpr std::array<std::string_view, 15> kNames = {
      "kernel_text",       "module_text",  "module_init_text",
      "bpf_pack",          "bpf_program",  "bpf_image",
      "ftrace_trampoline", "kprobe_slots", "optprobe_slots",
      "real_mode",         "its_thunks",   "kexec",
      "hypercall",         "vsyscall",     "filler"};
  const auto number = static_cast<std::size_t>(kind);
  return number < kNames.size() ? kNames[number] : "?";
}

void Owners::add(CodeOwner owner) {
  if (owner.size == 0 || owner.first.value + (owner.size - 1) < owner.first.value) return;
  if (listing_.entries.size() >= kMaxCodeOwners) {
    if (!full_)
      problem({Errc::out_of_bounds, "more than " + std::to_string(kMaxCodeOwners) + " pieces of code"});
    full_ = true;
    return;
  }
  if (owner.kind == Kind::bpf_pack) packs_[owner.first] = owner.size;
  listing_.entries.push_back(std::move(owner));
}

void Owners::add_bpf(CodeOwner owner) {
  const auto after = packs_.upper_bound(owner.first);
  if (after != packs_.begin()) {
    const auto& [first, size] = *std::prev(after);
    if (owner.first - first < size) return;
  }
  add(std::move(owner));
}

Listing<CodeOwner> Owners::take() {
  std::stable_sort(listing_.entries.begin(), listing_.entries.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  return std::move(listing_);
}

Listing<CodeOwner> code_owners(Kernel& kernel) {
  Owners owners;
  const KernelIdentity& identity = kernel.identity();
  // 32-bit kernels have start-up code before _stext.
  owners.add(
      {Kind::kernel_text, identity.image.first, identity.text.end - identity.image.first, "", kNobody});
  add_modules(kernel, owners);
  add_lone_pages(kernel, owners);
  if (identity.bits == 64) {
    add_bpf(kernel, owners);
    add_struct_ops(kernel, owners);
    add_runtime_code(kernel, owners);
    add_module_thunks(kernel, owners);
  } else {
    add_by_caller(kernel, owners);
  }
  add_freed_module_text(kernel, owners);
  return owners.take();
}

}  // namespace ringside::guest::linux
