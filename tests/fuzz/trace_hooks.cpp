// SPDX-License-Identifier: Apache-2.0
// The input is pokes into a small kernel with handlers of tracing, security modules and BPF: places and
// values. The walks end, within their bounds.
#include "guest/linux/hooks/bpf_links.h"
#include "guest/linux/hooks/bpf_maps.h"
#include "guest/linux/hooks/bpf_programs.h"
#include "guest/linux/hooks/fprobes.h"
#include "guest/linux/hooks/ftrace_ops.h"
#include "guest/linux/hooks/kprobes.h"
#include "guest/linux/hooks/livepatches.h"
#include "guest/linux/hooks/lsm_hooks.h"
#include "guest/linux/hooks/static_call_keys.h"
#include "guest/linux/hooks/tracepoints.h"
#include "guest/linux/hooks/uprobes.h"
#include "tests/unit/support/pokes.h"
#include "tests/unit/support/trace_world.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace {

using ringside::testing::TraceWorld;

std::unique_ptr<TraceWorld> make(TraceWorld::Age age) {
  auto world = std::make_unique<TraceWorld>(age);
  const auto ops = world->add_ops(world->function("function_trace_call"));
  world->add_ops(world->function("fprobe_handler"));
  world->set_filter(ops, world->make_hash({{0x1001000, 0}, {0x1002010, 0}}));
  world->set_direct(world->make_hash({{0x1001000, TraceWorld::kNobody}}));
  const auto probe = world->add_kprobe({0x1001000}, world->function("aggr_pre_handler")),
             managed = world->make_kprobe({0x1001000}, world->function("kprobe_dispatcher"));
  world->kernel.put_list(probe + TraceWorld::Kprobe::list, std::array{managed + TraceWorld::Kprobe::list});
  world->add_kprobe({0x1001020}, world->function("pre_handler_kretprobe"));
  world->add_consumer(world->add_uprobe(0x100), world->function("uprobe_dispatcher"));
  const auto point = world->add_tracepoint("sched_switch");
  world->set_probes(point, {world->function("perf_trace_sched_switch")});
  world->add_livepatch({0x1001000}, {TraceWorld::kDriver}, true, true);
  world->add_hook(0, world->function("apparmor_file_open"));
  world->add_hook(1, world->function("cap_capable"));
  const auto program = world->add_program(3, 2, "watch"), part = world->make_program(0, 2, "part");
  world->set_calls(program, {world->function("bpf_map_lookup_elem")});
  world->set_functions(program, {program, part});
  world->add_map(7, "counts", world->function("htab_map_ops"));
  world->add_link(5, program, point, world->function("bpf_raw_tp_link_lops"));
  world->finish();
  return world;
}

template <class T>
void bound(const ringside::Result<T>& listing, std::uint64_t most) {
  if (listing && (listing->entries.size() > most || listing->problems.size() > T::kMaxProblems))
    __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ringside;
  namespace linux = guest::linux;
  using Age = TraceWorld::Age;
  static const auto btf =
      std::array{make(Age::older)->kernel.btf().value(), make(Age::newer)->kernel.btf().value()};
  const std::size_t newer = size % 2;
  const auto world = make(newer == 0 ? Age::older : Age::newer);
  auto& kernel = world->kernel;
  kernel.set_btf(btf[newer]);
  constexpr guest::Gva kFirst{0x200000};  // of FakeKernel's objects
  ringside::testing::poke(kernel, kFirst, 0x10000, std::as_bytes(std::span(data, size)));

  bound(linux::ftrace_handlers(kernel), 2 * linux::kMaxFtraceOps + 64);
  bound(linux::ftrace_filters(kernel), linux::kMaxFtraceFilters);
  bound(linux::ftrace_direct_calls(kernel), linux::kMaxFtraceFilters);
  bound(linux::kprobe_handlers(kernel), 12 * linux::kMaxKprobes + 8);
  bound(linux::fprobe_handlers(kernel), 8 * linux::kMaxFprobes);
  bound(linux::uprobe_handlers(kernel, false), 3 * linux::kMaxUprobes);
  bound(linux::tracepoints(kernel), 2 * linux::kMaxTracepoints);
  bound(linux::static_call_keys(kernel), 2 * linux::kMaxStaticCallSites);
  bound(linux::livepatch_functions(kernel), 4 * linux::kMaxLivepatchEntries + 8);
  bound(linux::lsm_hooks(kernel), linux::kMaxLsmHooks + linux::kMaxLsmFunctions);
  bound(linux::bpf_programs(kernel, true), 2 * linux::kMaxBpfPrograms);
  bound(linux::bpf_maps(kernel), linux::kMaxBpfObjects);
  bound(linux::bpf_links(kernel), linux::kMaxBpfObjects);
  return 0;
}
