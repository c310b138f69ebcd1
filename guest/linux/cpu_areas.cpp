// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/cpu_areas.h"

#include <algorithm>

namespace ringside::guest::linux {

namespace {

constexpr std::array<std::string_view, 5> kStacks = {"DF", "NMI", "DB", "MCE", "VC"};
constexpr std::size_t kMaxComm = 16;  // TASK_COMM_LEN

/// What is the same for all CPUs, looked up once.
struct Layout {
  std::optional<Gva> current, estacks, online;  ///< per-CPU variables and the mask
  std::optional<Gva> first_area;                ///< of a 32-bit kernel: the entry area of CPU 0
  std::uint64_t area_size = 0;                  ///< and the bytes of each
  std::optional<Field> tss, stacks_field;       ///< of struct cpu_entry_area
  std::optional<std::uint64_t> hw_tss;          ///< where the hardware's part stands in struct tss_struct
  std::array<std::optional<Field>, kStacks.size()> stacks;
  std::optional<Field> pid, comm;
};

template <class T>
std::optional<T> maybe(Result<T> result) {
  return result ? std::optional(std::move(*result)) : std::nullopt;
}

/// In 32-bit kernels the entry areas follow the page with the interrupt table, one after the other
/// (arch/x86/include/asm/cpu_entry_area.h, CPU_ENTRY_AREA_PER_CPU). Where that is, idt_descr says, which is
/// read-only (arch/x86/kernel/idt.c): two bytes of limit, then the address.
void lay_out_32(Kernel& kernel, Layout& layout) {
  const auto table = kernel.find_symbol("idt_descr");
  const auto types = kernel.types();
  const auto size = types ? maybe((*types)->size_of("cpu_entry_area")) : std::nullopt;
  const auto address = table ? maybe(kernel.read_pointer(*table + 2)) : std::nullopt;
  if (!size || !address || address->value % kPageSize != 0) return;
  layout.first_area = *address + kPageSize;
  layout.area_size = *size;
}

Layout lay_out(Kernel& kernel) {
  Layout layout;
  if (kernel.identity().bits == 32) lay_out_32(kernel, layout);
  // 6.2 to 6.14 keep it in a struct of hot variables.
  layout.current = kernel.find_symbol("current_task");
  if (!layout.current)
    if (const auto hot = kernel.find_symbol("pcpu_hot"))
      if (const auto field = kernel.field("pcpu_hot", "current_task")) layout.current = *hot + field->offset;
  layout.estacks = kernel.find_symbol("cea_exception_stacks");
  layout.online = kernel.find_symbol("__cpu_online_mask");
  layout.tss = maybe(kernel.field("cpu_entry_area", "tss"));
  layout.stacks_field = maybe(kernel.field("cpu_entry_area", "estacks"));
  layout.hw_tss = maybe(kernel.field("tss_struct", "x86_tss")).value_or(Field{}).offset;
  for (std::size_t i = 0; i < kStacks.size(); ++i)
    layout.stacks[i] = maybe(kernel.field("cea_exception_stacks", std::string(kStacks[i]) + "_stack"));
  layout.pid = maybe(kernel.field("task_struct", "pid"));
  layout.comm = maybe(kernel.field("task_struct", "comm"));
  return layout;
}

void read_entry_area(Kernel& kernel, const Layout& layout, Listing<CpuArea>& into, CpuArea& area) {
  if (layout.first_area) {
    area.entry_area = area.gdt = *layout.first_area + area.cpu * layout.area_size;
    if (layout.tss) area.tss = *area.entry_area + layout.tss->offset + layout.hw_tss.value_or(0);
    return;
  }
  if (!layout.estacks || !layout.stacks_field) return;
  const auto stacks = kernel.read_pointer(*layout.estacks + area.offset);
  if (!stacks) {
    into.problem(stacks.error().within("cea_exception_stacks of CPU " + std::to_string(area.cpu)));
    return;
  }
  if (stacks->value == 0) return;  // not set up
  area.entry_area = Gva{stacks->value - layout.stacks_field->offset};
  area.gdt = area.entry_area;  // the first member (arch/x86/include/asm/cpu_entry_area.h)
  if (layout.tss) area.tss = *area.entry_area + layout.tss->offset + layout.hw_tss.value_or(0);
  for (std::size_t i = 0; i < kStacks.size(); ++i) {
    if (!layout.stacks[i]) continue;
    const Gva bottom = *stacks + layout.stacks[i]->offset;
    area.stacks.push_back({static_cast<unsigned>(i + 1), bottom, bottom + layout.stacks[i]->size});
  }
}

void read_current(Kernel& kernel, const Layout& layout, Listing<CpuArea>& into, CpuArea& area) {
  if (!layout.current) return;
  const auto task = kernel.read_pointer(*layout.current + area.offset);
  if (!task) {
    into.problem(task.error().within("current task of CPU " + std::to_string(area.cpu)));
    return;
  }
  if (task->value == 0) return;
  area.task = *task;
  if (layout.pid) area.pid = maybe(kernel.read_field(*task, *layout.pid));
  if (layout.comm)
    area.comm = maybe(
        kernel.read_string(*task + layout.comm->offset, std::min<std::size_t>(layout.comm->size, kMaxComm)));
}

}  // namespace

std::string_view interrupt_stack_name(unsigned ist) {
  return ist >= 1 && ist <= kStacks.size() ? kStacks[ist - 1] : std::string_view{};
}

Result<Listing<CpuArea>> read_cpu_areas(Kernel& kernel, bool tasks) {
  RINGSIDE_TRY(const auto offsets, kernel.per_cpu_offsets());
  const Layout layout = lay_out(kernel);
  Listing<CpuArea> all;
  for (unsigned cpu = 0; cpu < offsets.size(); ++cpu) {
    CpuArea area;
    area.cpu = cpu;
    area.offset = offsets[cpu];
    if (layout.online)
      if (const auto byte = kernel.read<std::uint8_t>(*layout.online + cpu / 8))
        area.online = (*byte >> (cpu % 8) & 1) != 0;
    // One that was unplugged stands still with all that was its own.
    read_entry_area(kernel, layout, all, area);
    if (tasks && area.online.value_or(true)) read_current(kernel, layout, all, area);
    all.entries.push_back(std::move(area));
  }
  return all;
}

std::optional<unsigned> cpu_of(const std::vector<CpuArea>& areas, const x86::CpuState& vcpu) {
  const auto by = [&](auto&& matches) -> std::optional<unsigned> {
    const auto found = std::find_if(areas.begin(), areas.end(), matches);
    return found == areas.end() ? std::nullopt : std::optional(found->cpu);
  };
  if (auto cpu = by([&](const CpuArea& area) { return area.tss == Gva{vcpu.tr.base}; })) return cpu;
  if (auto cpu = by([&](const CpuArea& area) { return area.gdt == vcpu.gdt.base; })) return cpu;
  // In the kernel GS (FS in 32-bit mode) addresses the per-CPU area.
  const std::uint64_t base = vcpu.long_mode() ? vcpu.gs.base : vcpu.fs.base;
  return vcpu.cpl == 0 && base != 0 ? by([&](const CpuArea& area) { return area.offset == base; })
                                    : std::nullopt;
}

}  // namespace ringside::guest::linux
