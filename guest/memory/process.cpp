// SPDX-License-Identifier: Apache-2.0
#include "guest/memory/backends.h"
#include "guest/memory/process_handle.h"
#include "guest/memory/read_meter.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

namespace ringside::guest::memory {

namespace {

class ProcessMemory final : public PhysicalMemory {
 public:
  ProcessMemory(MemoryMap map, ProcessHandle process)
      : map_(std::move(map)),
        process_(std::move(process)),
        file_(::open(("/proc/" + std::to_string(process_.pid()) + "/mem").c_str(), O_RDONLY | O_CLOEXEC)) {
    local_.reserve(IOV_MAX);
    remote_.reserve(IOV_MAX);
    // Alive after the opening: the file is of the process that is pinned, not of a later one with its pid.
    if (file_ >= 0 && !process_.alive()) ::close(std::exchange(file_, -1));
  }
  ~ProcessMemory() override {
    if (file_ >= 0) ::close(file_);
  }
  ProcessMemory(const ProcessMemory&) = delete;

  const MemoryMap& map() const override { return map_; }
  std::string_view backend() const override { return "process"; }
  bool stops_guest() const override { return false; }

 protected:
  void read_pieces(std::span<Piece> pieces) override {
    if (pieces.size() == 1 && read_small(pieces[0])) return meter_.read(pieces[0].into.size());
    read_vectors(pieces);
    meter_.count(pieces);
  }

 private:
  void read_vectors(std::span<Piece> pieces) {
    std::size_t next = 0, done = 0;  // first piece that is not settled, and how much of it has been read
    while (next < pieces.size()) {
      if (pieces[next].range->hva.value == 0) {
        pieces[next].error =
            Error{Errc::unavailable, "QEMU gave no address for memory at " + to_string(pieces[next].gpa) +
                                         " (" + pieces[next].range->block + ")"};
        ++next;
        continue;
      }
      gather(pieces.subspan(next), done);
      const ssize_t read =
          ::process_vm_readv(process_.pid(), local_.data(), local_.size(), remote_.data(), remote_.size(), 0);
      if (read > 0) {
        // A short read is no failure yet: it may have met the kernel's bound on one call (MAX_RW_COUNT).
        std::size_t left = done + static_cast<std::size_t>(read);
        while (next < pieces.size() && left >= pieces[next].into.size()) left -= pieces[next++].into.size();
        done = left;
        continue;
      }
      const int error = read < 0 ? errno : EFAULT;
      pieces[next].error = failure(pieces[next], error);
      done = 0;
      ++next;
      if (error == EFAULT) continue;  // its own failure; the others may be well
      for (; next < pieces.size(); ++next) pieces[next].error = failure(pieces[next], error);
    }
    // Asked afterwards: a process that lives now held its pid, and so was the one that was read, all the
    // while.
    if (!process_.alive())
      for (Piece& piece : pieces) piece.error = Error{Errc::gone, "QEMU has ended"};
  }

  /// One read of the memory file: it stays with the address space that it was opened on, so no question after
  /// the process is needed, and it is the cheaper call up to a page (proc(5); Linux fs/proc/base.c, mem_rw).
  /// False if it cannot serve this read.
  bool read_small(Piece& piece) const {
    if (file_ < 0 || piece.into.size() > kPageSize || piece.range->hva.value == 0) return false;
    const std::uint64_t hva = piece.range->hva.value + (piece.gpa - piece.range->start);
    return ::pread(file_, piece.into.data(), piece.into.size(), static_cast<off_t>(hva)) ==
           static_cast<ssize_t>(piece.into.size());
  }

  /// Makes vectors of as many pieces as one call takes, up to the first without an address. `done` bytes of
  /// the first piece have been read.
  void gather(std::span<Piece> pieces, std::size_t done) {
    local_.clear();
    remote_.clear();
    for (Piece& piece : pieces) {
      if (local_.size() == IOV_MAX || remote_.size() == IOV_MAX || piece.range->hva.value == 0) return;
      const std::uint64_t hva = piece.range->hva.value + (piece.gpa - piece.range->start) + done;
      const std::size_t size = piece.into.size() - done;
      std::byte* const into = piece.into.data() + done;
      done = 0;
      if (!local_.empty() && static_cast<std::byte*>(local_.back().iov_base) + local_.back().iov_len == into)
        local_.back().iov_len += size;
      else
        local_.push_back({into, size});
      // Every remote vector costs the kernel a page-table look-up of its own.
      if (!remote_.empty() &&
          reinterpret_cast<std::uint64_t>(remote_.back().iov_base) + remote_.back().iov_len == hva)
        remote_.back().iov_len += size;
      else
        remote_.push_back({reinterpret_cast<void*>(hva), size});
    }
  }

  Error failure(const Piece& piece, int error) const {
    const std::string what = "cannot read guest memory at " + to_string(piece.gpa) + " from process " +
                             std::to_string(process_.pid()) + ": ";
    switch (error) {
      case EFAULT:
        return {Errc::gone, what + "QEMU does not map it any more"};
      case ESRCH:
        return {Errc::gone, "QEMU has ended"};
      case EPERM:
        return {Errc::permission, what + "not permitted",
                "run as root or with CAP_SYS_PTRACE; as QEMU's own user it works where "
                "kernel.yama.ptrace_scope is 0 "
                "and QEMU is dumpable"};
      default:
        return {Errc::io, what + std::strerror(error)};
    }
  }

  MemoryMap map_;
  ProcessHandle process_;
  int file_;  ///< /proc/PID/mem; -1 where it cannot be opened
  ReadMeter meter_{"process"};
  std::vector<iovec> local_, remote_;  // kept from call to call
};

}  // namespace

Result<std::unique_ptr<PhysicalMemory>> open_process(MemoryMap map, pid_t qemu) {
  RINGSIDE_TRY(ProcessHandle process, ProcessHandle::open(qemu));
  auto memory = std::make_unique<ProcessMemory>(std::move(map), std::move(process));
  // One byte shows whether the host lets us.
  for (const MemoryRange& range : memory->map().ranges()) {
    if (range.hva.value == 0) continue;
    std::byte byte{};
    RINGSIDE_CHECK(memory->read(range.start, std::span(&byte, 1)));
    return memory;
  }
  return fail(Errc::invalid_argument, "the memory map has no host addresses to read process memory by");
}

}  // namespace ringside::guest::memory
