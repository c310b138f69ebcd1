// SPDX-License-Identifier: Apache-2.0
// The shipped policies on tracing, static calls, security hooks, BPF and live patching, over a made-up
// kernel.
#include "fake_guest.h"
#include "policies/engine/evaluator.h"
#include "policies/engine/shipped.h"
#include "tests/unit/support/trace_world.h"

#include <gmock/gmock.h>

#include <array>

namespace ringside::policies::testing {
namespace {

using guest::Gva;
using ringside::testing::TraceWorld;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// A kernel with a legitimate user of everything; a test changes it before it looks.
class LinuxTrace : public ::testing::TestWithParam<TraceWorld::Age> {
 protected:
  LinuxTrace() {
    for (const auto& error : set_.errors) ADD_FAILURE() << render(error, false);
    evaluator_ = Evaluator::create(set_.policies).value();
    ops = world.add_ops(function("function_trace_call"));
    fprobe = world.add_ops(function("fprobe_handler"));
    probe = world.add_kprobe(Gva{0x1001000}, function("kprobe_dispatcher"));
    consumer = world.add_consumer(world.add_uprobe(0x10), function("uprobe_dispatcher"));
    quiet = world.add_tracepoint("sched_process_fork");
    busy = world.add_tracepoint("sched_switch");
    world.set_probes(busy, {function("perf_trace_sched_switch")});
    hook = world.add_hook(0, function("apparmor_file_open"));
    program = world.add_program(3, 2, "watch");
    world.make_program(0, 0, "");
    map = world.add_map(7, "counts", function("htab_map_ops"));
    link = world.add_link(5, program, busy, function("bpf_raw_tp_link_lops"));
    world.finish();
  }
  Gva function(const char* name) { return world.function(name); }
  void point(Gva at, std::uint64_t to) { world.kernel.put_pointer(at, to); }

  /// "policy/check" of what is violated; what is unknown fails the test.
  std::vector<std::string> violated() {
    auto& kernel = world.kernel;
    guest::linux::Kernel::set(kernel.snapshot(), {std::shared_ptr<guest::linux::Kernel>(), &kernel});
    std::vector<std::string> names;
    for (const auto& policy : set_.policies) {
      static constexpr std::array kMine = {"linux-tracing", "linux-static-calls", "linux-lsm", "linux-bpf",
                                           "linux-livepatch"};
      if (std::find(kMine.begin(), kMine.end(), policy.name) == kMine.end()) continue;
      for (const auto& result : evaluator_->evaluate(policy, kernel.snapshot())) {
        EXPECT_NE(result.verdict, Verdict::unknown)
            << result.check->id << ": " << (result.reasons.empty() ? "" : result.reasons[0]);
        if (result.verdict == Verdict::violated) names.push_back(policy.name + "/" + result.check->id);
        for (const auto& violation : result.violations) messages.push_back(violation.message);
      }
    }
    return names;
  }

  TraceWorld world{GetParam()};
  Gva ops, fprobe, probe, consumer, quiet, busy, hook, program, map, link;
  std::vector<std::string> messages;

 private:
  PolicySet set_ = shipped_policies();
  std::unique_ptr<Evaluator> evaluator_;
};

TEST_P(LinuxTrace, LegitimateUsersDoNotAlarm) {
  world.add_livepatch(Gva{0x1001000}, Gva{TraceWorld::kDriver + 0x100}, true, true);
  EXPECT_THAT(violated(), IsEmpty());
}

TEST_P(LinuxTrace, AnFtraceOpsOfAModuleIsReportedByName) {
  world.add_ops(Gva{TraceWorld::kDriver + 0x100}, 0x1005);
  EXPECT_THAT(violated(), ElementsAre("linux-tracing/ftrace-handlers"));
  EXPECT_THAT(messages, ElementsAre(::testing::AllOf(HasSubstr("hook [driver]"), HasSubstr("IPMODIFY"))));
}

TEST_P(LinuxTrace, AnOpsThatEntersTheMiddleOfAFunctionIsReported) {
  point(ops, function("ftrace_stub").value + 5);
  EXPECT_THAT(violated(), ElementsAre("linux-tracing/ftrace-handlers"));
}

TEST_P(LinuxTrace, ADirectCallToCodeOfNobodyIsReported) {
  world.set_direct(world.make_hash({{0x1001000, TraceWorld::kNobody}}));
  EXPECT_THAT(violated(), ElementsAre("linux-tracing/ftrace-direct-calls"));
}

TEST_P(LinuxTrace, HandlersOfProbesAreReported) {
  point(probe + TraceWorld::Kprobe::post, TraceWorld::kNobody);
  point(fprobe + TraceWorld::Fprobe::entry, TraceWorld::kNobody);
  point(consumer, TraceWorld::kNobody);
  EXPECT_THAT(violated(), ElementsAre("linux-tracing/kprobe-handlers", "linux-tracing/fprobe-handlers",
                                      "linux-tracing/uprobe-handlers"));
}

TEST_P(LinuxTrace, AProbeOnATracepointInAModuleIsReported) {
  world.set_probes(quiet, {Gva{TraceWorld::kDriver + 0x100}});
  EXPECT_THAT(violated(), ElementsAre("linux-tracing/tracepoint-probes"));
  EXPECT_THAT(messages, ElementsAre(HasSubstr("sched_process_fork")));
}

TEST_P(LinuxTrace, ATracepointWithAnotherIteratorIsReported) {
  point(quiet + TraceWorld::Point::iterator, function("__traceiter_sched_switch").value);
  EXPECT_THAT(violated(), ElementsAre("linux-tracing/tracepoint-parts"));
}

TEST_P(LinuxTrace, ATracepointThatIsOnWithoutProbesIsReported) {
  world.kernel.put(quiet + TraceWorld::Point::enabled, std::int32_t{1});
  EXPECT_THAT(violated(), ElementsAre("linux-tracing/tracepoint-key"));
}

TEST_P(LinuxTrace, AStaticCallThatLeadsToNobodyIsReported) {
  point(world.peek(quiet + TraceWorld::Point::call_key), TraceWorld::kNobody);
  EXPECT_THAT(violated(),
              ElementsAre("linux-static-calls/keys-in-text", "linux-static-calls/tracepoint-calls"));
}

TEST_P(LinuxTrace, AStaticCallOfATracepointThatLeadsToAnotherFunctionIsReported) {
  point(world.peek(busy + TraceWorld::Point::call_key), function("do_sys_open").value);
  EXPECT_THAT(violated(), ElementsAre("linux-static-calls/tracepoint-calls"));
}

TEST_P(LinuxTrace, ASecurityHookOfAModuleIsReported) {
  point(hook + 16, TraceWorld::kDriver + 0x100);
  EXPECT_THAT(violated(), ElementsAre("linux-lsm/hooks-in-kernel"));
}

TEST_P(LinuxTrace, AHiddenProgramIsReported) {
  world.make_program(9, 2, "hidden");
  EXPECT_THAT(violated(), ElementsAre("linux-bpf/hidden-programs"));
  EXPECT_THAT(messages, ElementsAre(HasSubstr("9 hidden")));
}

TEST_P(LinuxTrace, TakingALinkedProgramOffTheListIsReportedTwice) {
  world.unlist_program(3);
  EXPECT_THAT(violated(), ElementsAre("linux-bpf/hidden-programs", "linux-bpf/linked-programs"));
}

TEST_P(LinuxTrace, AListedProgramInOtherMemoryIsReported) {
  const Gva forged = world.kernel.allocate(256);
  point(forged + TraceWorld::Program::aux, world.aux_of(program).value);
  point(forged + TraceWorld::Program::function, function("__bpf_prog_run512").value);
  world.list_program(forged, 12);
  EXPECT_THAT(violated(), ElementsAre("linux-bpf/allocated-programs"));
}

TEST_P(LinuxTrace, ProgramsThatAreEnteredElsewhereOrWriteToProgramsAreReported) {
  point(program + TraceWorld::Program::function, TraceWorld::kNobody);
  world.set_calls(program, {function("bpf_probe_write_user")});
  EXPECT_THAT(violated(), ElementsAre("linux-bpf/program-entries", "linux-bpf/writes-user-memory"));
}

TEST_P(LinuxTrace, OperationsOfMapsAndLinksAreReported) {
  point(map, program.value);
  point(link, program.value);
  EXPECT_THAT(violated(), ElementsAre("linux-bpf/map-operations", "linux-bpf/link-operations"));
}

TEST_P(LinuxTrace, HiddenAndForeignLivePatchesAreReported) {
  world.add_livepatch(Gva{0x1001000}, Gva{TraceWorld::kNobody}, true, false);
  world.add_livepatch(Gva{0x1002000}, Gva{TraceWorld::kDriver + 0x100}, false, true);
  EXPECT_THAT(violated(),
              ElementsAre("linux-livepatch/replacements-in-patch", "linux-livepatch/hidden-patches"));
}

INSTANTIATE_TEST_SUITE_P(Kernels, LinuxTrace,
                         ::testing::Values(TraceWorld::Age::older, TraceWorld::Age::newer),
                         [](const auto& test) {
                           return test.param == TraceWorld::Age::older ? "older" : "newer";
                         });

TEST(LinuxTraceNewer, AStaticCallThatIsNotWhatItsHookSaysIsReported) {
  TraceWorld world;
  world.add_hook(0, world.function("apparmor_file_open"));
  world.kernel.put_pointer(world.hook_key(0), world.function("cap_capable").value);
  guest::linux::Kernel::set(world.kernel.snapshot(),
                            {std::shared_ptr<guest::linux::Kernel>(), &world.kernel});
  const auto found = ask(world.kernel.snapshot(), "SELECT hook, consistent FROM lsm_hooks");
  EXPECT_EQ(found.rows, (std::vector<std::vector<Value>>{{"file_open", std::int64_t{0}}}));
}

}  // namespace
}  // namespace ringside::policies::testing
