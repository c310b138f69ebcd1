// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/text/ftrace_sites.h"

#include "guest/linux/object_reader.h"
#include "guest/linux/pointers.h"
#include "guest/linux/text/bpf_dispatcher.h"
#include "guest/linux/text/ftrace_state.h"

#include <optional>

namespace ringside::guest::linux {

namespace {

// include/linux/ftrace.h; the same in all releases.
constexpr std::uint64_t kEnabled = 1u << 31, kRegisters = 1u << 29, kTrampoline = 1u << 27,
                        kDisabled = 1u << 25, kDirect = 1u << 23;
constexpr std::uint64_t kMaxPages = 1u << 16;

/// Where things stand in the records. Kernels without types: the structs are small and have not changed.
struct Layout {
  std::uint32_t next = 0, records = 0, index = 0;
  std::uint32_t ip = 0, flags = 0, size = 0;
};

Result<Layout> layout_of(Kernel& kernel) {
  const unsigned pointer = kernel.pointer_size();
  if (pointer == 4) return Layout{0, 4, 8, 0, 4, 8};
  Layout layout;
  RINGSIDE_TRY(layout.next, kernel.offset("ftrace_page", "next"));
  RINGSIDE_TRY(layout.records, kernel.offset("ftrace_page", "records"));
  RINGSIDE_TRY(layout.index, kernel.offset("ftrace_page", "index"));
  RINGSIDE_TRY(layout.ip, kernel.offset("dyn_ftrace", "ip"));
  RINGSIDE_TRY(layout.flags, kernel.offset("dyn_ftrace", "flags"));
  RINGSIDE_TRY(const Types* types, kernel.types());
  RINGSIDE_TRY(const std::uint64_t size, types->size_of("dyn_ftrace"));
  if (size > 256 || layout.ip + pointer > size || layout.flags + pointer > size)
    return fail(Errc::out_of_bounds, "the layout of struct dyn_ftrace makes no sense");
  layout.size = static_cast<std::uint32_t>(size);
  return layout;
}

class Records {
 public:
  explicit Records(SiteCollector& sites)
      : sites_(sites),
        kernel_(sites.kernel()),
        state_(sites),
        caller_(kernel_.find_symbol("ftrace_caller")),
        registers_caller_(kernel_.find_symbol("ftrace_regs_caller")),
        dispatcher_(bpf_dispatcher_entry(kernel_)) {}

  Result<void> add_all() {
    RINGSIDE_TRY(layout_, layout_of(kernel_));
    RINGSIDE_TRY(const Gva first, kernel_.symbol("ftrace_pages_start"));
    RINGSIDE_TRY(Gva page, kernel_.read_pointer(first));
    for (std::uint64_t i = 0; page != Gva{0} && !sites_.full(); ++i) {
      if (i == kMaxPages) return fail(Errc::out_of_bounds, "the list of pages does not end");
      RINGSIDE_TRY(const Gva records, kernel_.read_pointer(page + layout_.records));
      RINGSIDE_TRY(const auto count, kernel_.read<std::uint32_t>(page + layout_.index));
      add_page(records, count);
      RINGSIDE_TRY(page, kernel_.read_pointer(page + layout_.next));
    }
    return {};
  }

 private:
  void add_page(Gva records, std::uint32_t count) {
    const auto table = sites_.table(records, count, layout_.size, "records of ftrace");
    if (!table) return;
    const unsigned pointer = kernel_.pointer_size();
    for (std::uint64_t i = 0; i < count && !sites_.full(); ++i) {
      const ByteView record = ByteView(*table).subspan(i * layout_.size, layout_.size);
      const Gva ip = pointer_in(record.subspan(layout_.ip), 0, pointer);
      const std::uint64_t flags = pointer_in(record.subspan(layout_.flags), 0, pointer).value;
      add(ip, flags);
    }
  }

  void add(Gva ip, std::uint64_t flags) {
    if (!sites_.region_of(ip)) return;
    PatchSite site;
    site.kind = SiteKind::ftrace;
    site.first = ip;
    if (dispatcher_ && dispatcher_->site == ip) {
      site.kind = SiteKind::bpf_dispatcher;
      site.state = dispatcher_->object;
      if (dispatcher_->target) site.expect(sites_.jump(ip, *dispatcher_->target));
    }
    // A dispatcher's entry may be traced like any other (up to 5.18).
    if ((flags & kEnabled) != 0) expect_call(site, flags);
    // Nobody is to be called, or the kernel's state names nobody: the NOP is what is left. So it is in a weak
    // function that was overridden, whose record is out of use from then on (FTRACE_FL_DISABLED).
    if (site.count == 0 || (flags & kDisabled) != 0) sites_.expect_nop5(site);
    sites_.add(site);
  }

  void expect_call(PatchSite& site, std::uint64_t flags) {
    const Gva ip = site.first;
    if ((flags & kDirect) != 0) {
      const Gva target = state_.direct(ip).value_or(Gva{0});
      // Bit 0 asks for a jump instead of a call (include/linux/ftrace.h, ftrace_is_jmp).
      if ((target.value & 1) != 0)
        site.expect(sites_.jump(ip, Gva{target.value & ~std::uint64_t{1}}));
      else if (target != Gva{0})
        site.expect(sites_.call(ip, target));
    } else if ((flags & kTrampoline) != 0) {
      for (const Gva trampoline : state_.trampolines(ip, PatchSite::kMaxExpected))
        site.expect(sites_.call(ip, trampoline));
    } else if (const auto& to = (flags & kRegisters) != 0 ? registers_caller_ : caller_) {
      site.expect(sites_.call(ip, *to));
    }
  }

  SiteCollector& sites_;
  Kernel& kernel_;
  FtraceState state_;
  Layout layout_;
  std::optional<Gva> caller_, registers_caller_;
  std::optional<BpfDispatcherEntry> dispatcher_;
};

}  // namespace

void add_ftrace_sites(SiteCollector& sites) {
  if (!sites.kernel().find_symbol("ftrace_caller")) return;  // built without
  if (auto done = Records(sites).add_all(); !done) sites.problem(done.error().within("records of ftrace"));
}

void add_ftrace_labels(SiteCollector& sites) {
  Kernel& kernel = sites.kernel();
  const auto add = [&](std::string_view label, std::initializer_list<std::optional<Gva>> targets, bool jump) {
    const auto at = kernel.find_symbol(label);
    if (!at) return;
    PatchSite site;
    site.kind = SiteKind::ftrace_label;
    site.first = *at;
    for (const auto& target : targets)
      if (target) site.expect(jump ? sites.jump(*at, *target) : sites.call(*at, *target));
    sites.add(site);
  };
  const auto traces = kernel.find_symbol("ftrace_trace_function");
  const auto tracer = traces ? sites.value(*traces, kernel.pointer_size(), "ftrace_trace_function")
                             : std::optional<std::uint64_t>();
  if (tracer) {
    // While the callers are switched, the function that goes through all ops stands in
    // (ftrace_modify_all_code).
    const std::optional<Gva> now{Gva{*tracer}}, all = kernel.find_symbol("ftrace_ops_list_func");
    add("ftrace_call", {now, all}, false);
    add("ftrace_regs_call", {now, all}, false);
  }
  // Up to 5.10 the graph tracer has a jump of its own (arch/x86/kernel/ftrace.c, ftrace_mod_jmp).
  const auto graph_label = kernel.find_symbol("ftrace_graph_call"),
             active = kernel.find_symbol("ftrace_graph_active"),
             graph = kernel.find_symbol("ftrace_graph_caller"), stub = kernel.find_symbol("ftrace_stub");
  if (!graph_label || !graph || !stub) return;
  // Without symbols of data nobody says whether the graph tracer is on; the jump has these two forms.
  if (!active)
    add("ftrace_graph_call", {graph, stub}, true);
  else if (const auto count = sites.value(*active, 4, "ftrace_graph_active"))
    add("ftrace_graph_call", {*count != 0 ? graph : stub}, true);
}

}  // namespace ringside::guest::linux
