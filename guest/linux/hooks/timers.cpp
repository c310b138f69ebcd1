// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/execution.h"
#include "guest/linux/hooks/percpu.h"
#include "guest/linux/pointers.h"
#include "guest/linux/walkers.h"

namespace ringside::guest::linux {

namespace {

constexpr std::uint64_t kMaxTimers = 1u << 17;
constexpr std::uint64_t kMaxBuckets = 4096;  // WHEEL_SIZE is 512 or 576

class WheelReader {
 public:
  WheelReader(Kernel& kernel, Hooks& into)
      : kernel_(kernel),
        into_(into),
        timer_(kernel, "timer_list"),
        work_(kernel, "delayed_work"),
        delayed_(kernel.find_symbol("delayed_work_timer_fn")),
        function_(timer_.object().add("function")),
        vectors_(kernel.field("timer_base", "vectors")),
        entry_(kernel.field("timer_list", "entry")),
        timer_of_work_(kernel.field("delayed_work", "timer")) {
    timer_.add("function", {"function"});
    work_.add("work.func", {"work.func"});
  }
  std::optional<Error> problem() const {
    if (!vectors_) return vectors_.error();
    if (!entry_) return entry_.error();
    return timer_.problem();
  }
  /// The buckets of one struct timer_base.
  Result<void> base(Gva at, unsigned cpu) {
    const unsigned pointer = kernel_.pointer_size();
    const std::uint64_t buckets = std::min<std::uint64_t>(vectors_->size / pointer, kMaxBuckets);
    Bytes heads(buckets * pointer);
    RINGSIDE_CHECK(kernel_.space().read(at + vectors_->offset, heads));
    for (std::uint64_t i = 0; i < buckets; ++i) {
      // Most are empty.
      if (pointer_in(heads, i, pointer) == Gva{0}) continue;
      const auto walked =
          walk_hlist(kernel_, at + (vectors_->offset + i * pointer), kMaxTimers, [&](Gva node) {
            take(Gva{node.value - entry_->offset}, cpu);
            return true;
          });
      if (!walked) into_.problem(walked.error().within("timers of CPU " + std::to_string(cpu)));
    }
    return {};
  }

 private:
  void take(Gva at, unsigned cpu) {
    if (auto read = timer_.read(at); !read)
      return into_.problem(read.error().within("timers of CPU " + std::to_string(cpu)));
    Hook like;
    like.group = "timer";
    like.number = cpu;
    timer_.append(like, into_);
    if (!delayed_ || !timer_of_work_ || timer_.object().pointer(function_) != delayed_) return;
    if (auto read = work_.read(Gva{at.value - timer_of_work_->offset}); read)
      work_.append(std::move(like), into_);
    else
      into_.problem(read.error().within("delayed work of CPU " + std::to_string(cpu)));
  }

  Kernel& kernel_;
  Hooks& into_;
  HookReader timer_, work_;
  std::optional<Gva> delayed_;
  ObjectReader::Member function_;
  Result<Field> vectors_, entry_, timer_of_work_;
};

/// A tree for each clock of each CPU.
void take_high_resolution(Kernel& kernel, Hooks& into) {
  const auto clocks = kernel.field("hrtimer_cpu_base", "clock_base"),
             tree = kernel.field("hrtimer_clock_base", "active"), node = kernel.field("hrtimer", "node");
  HookReader timer(kernel, "hrtimer");
  timer.add("function", {"function"});
  for (const auto* field : {&clocks, &tree, &node})
    if (!*field) return into.problem(field->error().within("high-resolution timers"));
  if (timer.problem()) return into.problem(timer.problem()->within("high-resolution timers"));
  each_cpu(kernel, "hrtimer_bases", into, [&](Gva base, unsigned cpu) {
    for (std::uint32_t i = 0; i < clocks->count; ++i) {
      const Gva root = base + (clocks->offset + std::uint64_t{i} * clocks->element_size + tree->offset);
      const auto walked = walk_rb_tree(kernel, root, kMaxTimers, [&](Gva at) {
        if (auto read = timer.read(Gva{at.value - node->offset}); !read) {
          into.problem(read.error().within("high-resolution timers of CPU " + std::to_string(cpu)));
          return true;
        }
        Hook like;
        like.group = "hrtimer";
        like.number = cpu;
        timer.append(std::move(like), into);
        return true;
      });
      if (!walked)
        into.problem(walked.error().within("high-resolution timers of CPU " + std::to_string(cpu)));
    }
  });
}

}  // namespace

Result<Hooks> timers(Kernel& kernel) {
  RINGSIDE_CHECK(require_types(kernel));
  Hooks hooks;
  WheelReader wheel(kernel, hooks);
  if (wheel.problem()) return fail(wheel.problem()->within("timers"));
  RINGSIDE_TRY(const auto size, kernel.types().value()->size_of("timer_base"));
  // Two, from 6.10 on three (NR_BASES).
  constexpr std::uint64_t kMaxBases = 3;
  RINGSIDE_TRY(const auto bases, size_of_variable(kernel, "timer_bases", kMaxBases * size));
  const std::uint64_t count = size == 0 ? 0 : std::min(bases / size, kMaxBases);
  each_cpu(kernel, "timer_bases", hooks, [&](Gva at, unsigned cpu) {
    for (std::uint64_t i = 0; i < count; ++i)
      if (auto done = wheel.base(at + i * size, cpu); !done)
        hooks.problem(done.error().within("timers of CPU " + std::to_string(cpu)));
  });
  take_high_resolution(kernel, hooks);
  return hooks;
}

}  // namespace ringside::guest::linux
