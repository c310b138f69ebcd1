// SPDX-License-Identifier: Apache-2.0
#include "guest/live/qemu_heap.h"

#include "guest/live/qemu_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

namespace ringside::guest::live {

namespace {

constexpr std::size_t kPieceSize = 1u << 20;
constexpr std::uint64_t kVisitBound = 4ull << 30;  // bytes; QEMU's own memory is some 100 MiB

bool is_guest_memory(const Mapping& mapping, const memory::MemoryMap& guest) {
  return std::any_of(guest.ranges().begin(), guest.ranges().end(), [&](const memory::MemoryRange& range) {
    return range.hva.value != 0 && range.hva.value < mapping.end &&
           mapping.start < range.hva.value + range.size;
  });
}

bool is_private_memory(const Mapping& mapping) {
  return mapping.readable && mapping.writable && !mapping.executable && !mapping.shared &&
         mapping.inode == 0 &&
         (mapping.path.empty() || mapping.path == "[heap]" || mapping.path.starts_with("[anon:"));
}

/// The present or swapped pages of [start, end) as runs (Linux Documentation/admin-guide/mm/pagemap.rst, bits
/// 63, 62).
std::vector<std::pair<std::uint64_t, std::uint64_t>> written_runs(int pagemap, std::uint64_t start,
                                                                  std::uint64_t end) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> runs;
  std::vector<std::uint64_t> entries(4096);
  for (std::uint64_t at = start; at < end;) {
    const std::uint64_t pages = std::min<std::uint64_t>(entries.size(), (end - at) / kPageSize);
    const ssize_t bytes = pages == 0 ? 0
                                     : ::pread(pagemap, entries.data(), pages * sizeof(std::uint64_t),
                                               static_cast<off_t>(at / kPageSize * sizeof(std::uint64_t)));
    if (bytes < static_cast<ssize_t>(sizeof(std::uint64_t))) break;
    const std::size_t count = static_cast<std::size_t>(bytes) / sizeof(std::uint64_t);
    for (std::size_t i = 0; i < count; ++i, at += kPageSize) {
      if ((entries[i] >> 62) == 0) continue;
      if (!runs.empty() && runs.back().second == at)
        runs.back().second += kPageSize;
      else
        runs.emplace_back(at, at + kPageSize);
    }
  }
  return runs;
}

}  // namespace

Result<QemuHeap> QemuHeap::open(pid_t qemu) {
  RINGSIDE_TRY(memory::ProcessHandle process, memory::ProcessHandle::open(qemu));
  return QemuHeap(std::move(process));
}

Result<void> QemuHeap::read(std::uint64_t address, std::span<std::byte> into) const {
  const iovec local{into.data(), into.size()};
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): an address of another process
  const iovec remote{reinterpret_cast<void*>(address), into.size()};
  const ssize_t n = ::process_vm_readv(process_.pid(), &local, 1, &remote, 1, 0);
  const int reason = errno;
  // Asked afterwards: what lives now held its pid while it was read.
  if (!process_.alive()) return fail(Errc::gone, "QEMU has ended");
  if (n == static_cast<ssize_t>(into.size())) return {};
  return fail(n < 0 && reason == EPERM ? Errc::permission : Errc::io,
              fmt::format("cannot read QEMU's memory at {}: {}", hex_address(address),
                          n < 0 ? std::strerror(reason) : "it is not mapped"));
}

Result<void> QemuHeap::visit_run(std::uint64_t start, std::uint64_t end, std::size_t overlap,
                                 const Visitor& visitor) const {
  Bytes piece;
  for (std::uint64_t at = start; at < end;) {
    piece.resize(std::min<std::uint64_t>(kPieceSize, end - at));
    auto read_piece = read(at, piece);
    if (!read_piece && read_piece.error().code != Errc::io) return read_piece;
    if (read_piece) visitor(at, piece);  // else unmapped since: QEMU frees memory as it runs
    if (piece.size() <= overlap || at + piece.size() == end) break;
    at += piece.size() - overlap;
  }
  return {};
}

Result<void> QemuHeap::visit(const memory::MemoryMap& guest, std::size_t overlap,
                             const Visitor& visitor) const {
  RINGSIDE_TRY(const auto mappings, read_mappings(process_.pid()));
  const int pagemap = ::open(fmt::format("/proc/{}/pagemap", process_.pid()).c_str(), O_RDONLY | O_CLOEXEC);
  if (pagemap < 0)
    return fail(Errc::permission,
                fmt::format("cannot open /proc/{}/pagemap: {}", process_.pid(), std::strerror(errno)));
  std::vector<std::pair<std::uint64_t, std::uint64_t>> runs;
  for (const Mapping& mapping : mappings) {
    if (!is_private_memory(mapping) || is_guest_memory(mapping, guest)) continue;
    const auto written = written_runs(pagemap, mapping.start, mapping.end);
    runs.insert(runs.end(), written.begin(), written.end());
  }
  ::close(pagemap);
  std::uint64_t total = 0;
  for (const auto& [start, end] : runs) total += end - start;
  if (total > kVisitBound)
    return fail(Errc::oversized,
                fmt::format("QEMU has {} MiB of private memory, too much to search", total >> 20));
  for (const auto& [start, end] : runs) RINGSIDE_CHECK(visit_run(start, end, overlap, visitor));
  return {};
}

}  // namespace ringside::guest::live
