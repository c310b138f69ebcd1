// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/execution.h"
#include "guest/linux/walkers.h"

#include <array>
#include <unordered_set>

namespace ringside::guest::linux {

namespace {

constexpr std::uint64_t kMaxInterrupts = 1u << 16, kMaxActions = 1024;

class InterruptReader {
 public:
  InterruptReader(Kernel& kernel, Hooks& into)
      : kernel_(kernel),
        into_(into),
        descriptor_(kernel, "irq_desc"),
        action_(kernel, "irqaction"),
        first_(descriptor_.object().add("action")),
        next_(action_.object().add("next")),
        name_(action_.object().add("name")) {
    descriptor_.add("handle_irq", {"handle_irq"});
    action_.add("handler", {"handler"});
    action_.add("thread_fn", {"thread_fn"});
  }
  std::optional<Error> problem() const {
    if (auto why = descriptor_.problem()) return why;
    return action_.problem();
  }
  void take(std::uint64_t irq, Gva descriptor) {
    if (auto done = read(irq, descriptor); !done)
      into_.problem(done.error().within("interrupt " + std::to_string(irq)));
  }

 private:
  Result<void> read(std::uint64_t irq, Gva descriptor) {
    RINGSIDE_CHECK(descriptor_.read(descriptor));
    Hook like;
    like.group = "irq_desc";
    like.number = static_cast<std::int64_t>(irq);
    descriptor_.append(like, into_);
    like.group = "irqaction";
    Gva at = descriptor_.object().pointer(first_).value_or(Gva{0});
    std::unordered_set<std::uint64_t> seen;
    while (at.value != 0) {
      if (!seen.insert(at.value).second || seen.size() > kMaxActions)
        return fail(Errc::malformed, "the list of its actions has no end");
      RINGSIDE_CHECK(action_.read(at));
      like.name = text_at(kernel_, action_.object().pointer(name_));
      action_.append(like, into_);
      at = action_.object().pointer(next_).value_or(Gva{0});
    }
    return {};
  }

  Kernel& kernel_;
  Hooks& into_;
  HookReader descriptor_, action_;
  ObjectReader::Member first_, next_, name_;
};

}  // namespace

Result<Hooks> interrupt_handlers(Kernel& kernel) {
  RINGSIDE_CHECK(require_types(kernel));
  Hooks hooks;
  InterruptReader reader(kernel, hooks);
  if (reader.problem()) return fail(reader.problem()->within("interrupts"));
  Result<void> walked;
  if (const auto tree = kernel.find_symbol("sparse_irqs")) {  // from 6.5 on
    walked =
        walk_maple_tree(kernel, *tree, kMaxInterrupts, [&](std::uint64_t irq, std::uint64_t, Gva descriptor) {
          reader.take(irq, descriptor);
          return true;
        });
  } else {
    RINGSIDE_TRY(const Gva older, kernel.symbol("irq_desc_tree"));
    walked = walk_xarray(kernel, older, kMaxInterrupts, [&](std::uint64_t irq, Gva descriptor) {
      reader.take(irq, descriptor);
      return true;
    });
  }
  if (!walked) hooks.problem(walked.error().within("interrupts"));
  return hooks;
}

Result<Hooks> softirqs(Kernel& kernel) {
  RINGSIDE_CHECK(require_types(kernel));
  Hooks hooks;
  // include/linux/interrupt.h, kernel/softirq.c softirq_to_name[]
  constexpr std::array kNames = {"HI",       "TIMER",   "NET_TX", "NET_RX",  "BLOCK",
                                 "IRQ_POLL", "TASKLET", "SCHED",  "HRTIMER", "RCU"};
  HookReader reader(kernel, "softirq_action");
  reader.add("action", {"action"});
  if (reader.problem()) return fail(reader.problem()->within("softirqs"));
  RINGSIDE_TRY(const Gva table, kernel.symbol("softirq_vec"));
  RINGSIDE_TRY(const auto size, kernel.types().value()->size_of("softirq_action"));
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (auto read = reader.read(table + i * size); !read) {
      hooks.problem(read.error().within(std::string("softirq ") + kNames[i]));
      continue;
    }
    Hook like;
    like.group = "softirq_vec";
    like.name = kNames[i];
    like.number = static_cast<std::int64_t>(i);
    reader.append(std::move(like), hooks);
  }
  return hooks;
}

}  // namespace ringside::guest::linux
