// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/views/task_stack.h"

#include <span>

namespace ringside::guest::linux {

namespace {

constexpr std::uint64_t kMostStack = 64u << 10;  // THREAD_SIZE is 16 KiB, or 32 with KASAN

}  // namespace

Result<Bytes> stack_in_use(Kernel& kernel, Gva task) {
  RINGSIDE_TRY(const Field stack, kernel.field("task_struct", "stack"));
  RINGSIDE_TRY(const Field sp, kernel.field("task_struct", "thread.sp"));
  RINGSIDE_TRY(const Gva bottom, kernel.read_pointer_field(task, stack));
  RINGSIDE_TRY(Gva top_of_use, kernel.read_pointer_field(task, sp));
  const x86::CpuState* runs_it = nullptr;
  for (const auto& cpu : kernel.snapshot().cpus(RegisterGroups::general))
    if (const Gva now{cpu.gpr[x86::rsp]}; now - bottom < kMostStack) {
      top_of_use = now;
      runs_it = &cpu;
    }
  if (top_of_use < bottom || top_of_use - bottom >= kMostStack ||
      top_of_use.value % kernel.pointer_size() != 0)
    return fail(Errc::malformed, "a stack pointer outside of its stack");
  // Its size is told by no type: it ends where nothing is mapped, a page at a time.
  Bytes words;
  for (Gva at = top_of_use; at - bottom < kMostStack;) {
    const std::uint64_t size = kPageSize - at.value % kPageSize;
    const std::size_t had = words.size();
    words.resize(had + size);
    if (!kernel.space().read(at, std::span(words).subspan(had))) {
      words.resize(had);
      break;
    }
    at = at + size;
  }
  if (runs_it != nullptr)
    for (const std::uint64_t value : runs_it->gpr) {
      const auto* bytes = reinterpret_cast<const std::byte*>(&value);
      words.insert(words.end(), bytes, bytes + kernel.pointer_size());
    }
  return words;
}

}  // namespace ringside::guest::linux
