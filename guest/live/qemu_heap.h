// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "guest/memory/memory_map.h"
#include "guest/memory/process_handle.h"

#include <sys/types.h>

#include <functional>
#include <span>

namespace ringside::guest::live {

/// QEMU's own memory, read without stopping it.
class QemuHeap {
 public:
  static Result<QemuHeap> open(pid_t qemu);

  /// `permission`, `gone` or `io` (not mapped).
  Result<void> read(std::uint64_t address, std::span<std::byte> into) const;

  /// Visits, in overlapping pieces, what QEMU has in private writable memory: not guest RAM, and no page that
  /// was never written (reading such a page would make the kernel provide one).
  using Visitor = std::function<void(std::uint64_t address, ByteView bytes)>;
  Result<void> visit(const memory::MemoryMap& guest, std::size_t overlap, const Visitor& visitor) const;

 private:
  explicit QemuHeap(memory::ProcessHandle process) : process_(std::move(process)) {}
  Result<void> visit_run(std::uint64_t start, std::uint64_t end, std::size_t overlap,
                         const Visitor& visitor) const;
  memory::ProcessHandle process_;
};

}  // namespace ringside::guest::live
