// SPDX-License-Identifier: Apache-2.0
#include "guest/memory/backends.h"
#include "guest/memory/bus_guard.h"
#include "guest/memory/in_place.h"
#include "guest/memory/process_handle.h"
#include "guest/memory/read_meter.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

namespace ringside::guest::memory {

namespace {

/// A whole file, mapped read-only. The mapping outlives the descriptor.
class MappedFile {
 public:
  static Result<MappedFile> open(const std::string& path) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (descriptor < 0) return failed(path, errno);
    Result<MappedFile> file = map(path, descriptor);
    ::close(descriptor);
    return file;
  }
  MappedFile(MappedFile&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  MappedFile& operator=(MappedFile&&) = delete;
  ~MappedFile() {
    if (data_) ::munmap(data_, size_);
  }
  const std::byte* data() const { return static_cast<const std::byte*>(data_); }
  std::uint64_t size() const { return size_; }

 private:
  MappedFile(void* data, std::size_t size) : data_(data), size_(size) {}

  static Result<MappedFile> map(const std::string& path, int descriptor) {
    struct stat status {};
    if (::fstat(descriptor, &status) != 0) return failed(path, errno);
    if (!S_ISREG(status.st_mode) || status.st_size <= 0)
      return fail(Errc::unsupported, "cannot map " + path + ": it is no regular file with contents");
    const auto size = static_cast<std::size_t>(status.st_size);
    void* const data = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, descriptor, 0);
    if (data == MAP_FAILED) return failed(path, errno);
    ::madvise(data, size, MADV_DONTDUMP);  // a core dump of ours must not hold guest memory
    return MappedFile(data, size);
  }
  static tl::unexpected<Error> failed(const std::string& path, int error) {
    const bool denied = error == EACCES || error == EPERM;
    return fail(denied ? Errc::permission : (error == ENOENT ? Errc::gone : Errc::io),
                "cannot map guest memory from " + path + ": " + std::strerror(error),
                denied ? "run as root or as QEMU's user" : "");
  }

  void* data_ = nullptr;
  std::size_t size_ = 0;
};

class MappedMemory final : public PhysicalMemory, public InPlaceMemory {
 public:
  static Result<std::unique_ptr<PhysicalMemory>> open(MemoryMap map, const std::vector<SharedRegion>& regions,
                                                      std::unique_ptr<PhysicalMemory> rest, pid_t qemu) {
    install_bus_guard();
    std::unique_ptr<MappedMemory> memory(new MappedMemory(std::move(map), std::move(rest)));
    if (qemu != 0) {
      RINGSIDE_TRY(memory->process_, ProcessHandle::open(qemu));
    }
    memory->sources_.resize(memory->map_.ranges().size(), nullptr);
    for (const SharedRegion& region : regions) RINGSIDE_CHECK(memory->add(region));
    return memory;
  }

  const MemoryMap& map() const override { return map_; }
  std::string_view backend() const override { return "mapped"; }
  bool stops_guest() const override { return rest_ && rest_->stops_guest(); }

  std::optional<bool> holds(Gpa gpa, ByteView bytes) override {
    if (bytes.empty()) return true;
    const MemoryRange* const range = map_.find(gpa);
    if (!range || bytes.size() > range->size - (gpa - range->start)) return std::nullopt;
    const std::byte* const source = sources_[static_cast<std::size_t>(range - map_.ranges().data())];
    if (!source || !alive(1)) return std::nullopt;
    meter_.read(bytes.size());
    return guarded_equal(source + (gpa - range->start), bytes.data(), bytes.size());
  }

 protected:
  void read_pieces(std::span<Piece> pieces) override {
    if (!alive(pieces.size())) {
      for (Piece& piece : pieces) {
        piece.error = Error{Errc::gone, "QEMU has ended"};
        meter_.failed(Errc::gone);
      }
      return;
    }
    bool others = false;
    std::uint64_t bytes = 0;
    for (Piece& piece : pieces) {
      const std::byte* const source = sources_[index_of(piece)];
      if (!source) {
        others = true;
      } else if (!guarded_copy(piece.into.data(), source + (piece.gpa - piece.range->start),
                               piece.into.size())) [[unlikely]] {
        piece.error =
            Error{Errc::gone, "the file behind guest memory at " + to_string(piece.gpa) + " was truncated"};
        meter_.failed(Errc::gone);
      } else {
        bytes += piece.into.size();
      }
    }
    meter_.read(bytes);
    if (others) read_others(pieces);
  }

 private:
  MappedMemory(MemoryMap map, std::unique_ptr<PhysicalMemory> rest)
      : map_(std::move(map)), rest_(std::move(rest)) {}

  std::size_t index_of(const Piece& piece) const {
    return static_cast<std::size_t>(piece.range - map_.ranges().data());
  }

  /// Maps the file and points every range of the block at its bytes.
  Result<void> add(const SharedRegion& region) {
    RINGSIDE_TRY(MappedFile file, MappedFile::open(region.path));
    for (std::size_t i = 0; i < map_.ranges().size(); ++i) {
      const MemoryRange& range = map_.ranges()[i];
      if (range.block != region.block) continue;
      std::uint64_t offset = 0, end = 0;
      if (__builtin_add_overflow(region.file_offset, range.block_offset, &offset) ||
          __builtin_add_overflow(offset, range.size, &end) || end > file.size())
        return fail(Errc::out_of_bounds, "memory range at " + to_string(range.start) + " (" + range.block +
                                             ") lies beyond the end of " + region.path);
      if (sources_[i])
        return fail(Errc::invalid_argument, "two shared regions are given for block " + region.block);
      sources_[i] = file.data() + offset;
    }
    files_.push_back(std::move(file));
    return {};
  }

  /// The mapping outlives QEMU and would go on to give its last bytes. Asking costs a system call, many times
  /// the read itself, so single reads ask once a tick of the coarse clock (1 to 10 ms); scatter reads always
  /// ask.
  bool alive(std::size_t pieces) {
    if (!process_) return true;
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    if (pieces == 1 && now.tv_nsec == asked_.tv_nsec && now.tv_sec == asked_.tv_sec) return true;
    if (!process_->alive()) return false;
    asked_ = now;
    return true;
  }

  void read_others(std::span<Piece> pieces) {
    std::vector<ReadRequest> requests;
    for (Piece& piece : pieces) {
      if (sources_[index_of(piece)]) continue;
      if (rest_) {
        requests.push_back({piece.gpa, piece.into});
      } else {
        piece.error = Error{Errc::unavailable, "memory at " + to_string(piece.gpa) + " (" +
                                                   piece.range->block + ") is not shared by QEMU"};
        meter_.failed(Errc::unavailable);
      }
    }
    if (!rest_) return;
    rest_->read(requests);
    std::size_t next = 0;
    for (Piece& piece : pieces)
      if (!sources_[index_of(piece)]) piece.error = std::move(requests[next++].error);
  }

  MemoryMap map_;
  std::unique_ptr<PhysicalMemory> rest_;
  std::vector<MappedFile> files_;
  std::vector<const std::byte*> sources_;  ///< of each range of the map; nullptr: not mapped
  std::optional<ProcessHandle> process_;
  ReadMeter meter_{"mapped"};  ///< of what is mapped; `rest_` has its own
  timespec asked_{};           ///< when the process was last seen alive
};

}  // namespace

Result<std::unique_ptr<PhysicalMemory>> open_mapped(MemoryMap map, const std::vector<SharedRegion>& regions,
                                                    std::unique_ptr<PhysicalMemory> rest, pid_t qemu) {
  return MappedMemory::open(std::move(map), regions, std::move(rest), qemu);
}

}  // namespace ringside::guest::memory
