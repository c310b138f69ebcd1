// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "guest/address.h"
#include "guest/memory/physical_memory.h"
#include "guest/read_set.h"
#include "guest/x86/cpu_state.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <typeindex>
#include <unordered_map>
#include <vector>

namespace ringside::guest {

/// What is known of the guest as a machine; comes from QEMU, not from the guest.
struct GuestInfo {
  std::string target;        ///< as the user named it (socket path, tcp:..., file)
  std::string name, uuid;    ///< uuid empty when all zero
  std::string qemu_version;  ///< "7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)"
  std::string accelerator;   ///< "kvm" or "tcg"
  std::string status;        ///< run state at the snapshot: "running", "paused", ...
  std::string backend;       ///< memory backend
  std::string encryption;    ///< "SEV", "SEV-ES", ...: guest memory is encrypted; empty: it is not
  std::chrono::sys_time<std::chrono::microseconds> taken{};  ///< when the registers were read
  /// Stable key for baselines: the uuid, else the name, else the target.
  std::string key() const;
};

/// The registers of every vCPU at one moment, and guest memory through a page cache. Everything above reads
/// guest memory through one. It keeps each page that it read (the evidence) and notes in the ReadSet what was
/// looked at. A page is read at most once, so all of one evaluation sees the same bytes. Not thread-safe.
class Snapshot {
 public:
  /// `memory` must outlive the snapshot (see owned()).
  Snapshot(GuestInfo info, std::vector<x86::CpuState> cpus, memory::PhysicalMemory& memory);
  /// The same, keeping `memory` alive.
  static std::unique_ptr<Snapshot> owned(GuestInfo info, std::vector<x86::CpuState> cpus,
                                         std::unique_ptr<memory::PhysicalMemory> memory);

  const GuestInfo& info() const { return info_; }
  /// Registers; `used` says which of them the verdict will depend on.
  const std::vector<x86::CpuState>& cpus(RegisterGroups used);
  const memory::MemoryMap& map() const { return memory_->map(); }

  /// Bytes at `gpa`; every page is fetched once. Errors as PhysicalMemory's. A page that is RAM only in part
  /// cannot be read.
  Result<void> read(Gpa gpa, std::span<std::byte> into);
  /// A whole page, valid as long as the snapshot: no copy.
  Result<std::span<const std::byte, kPageSize>> page(Gpa page);
  /// Fetches many pages in few calls; failures show when the page is read.
  void prefetch(std::span<const Gpa> pages);

  /// Bytes at `gpa` for a search: neither kept nor noted, so that looking through megabytes leaves no trace
  /// in evidence and read sets. Pages that cannot be read are filled with zeros; returns how many bytes of
  /// `into` are real.
  std::size_t peek(Gpa gpa, std::span<std::byte> into);

  /// Something computed from this snapshot, or that serves to compute it, kept as long as it lives: one
  /// object a type.
  template <class T>
  void keep(std::shared_ptr<T> value) {
    kept_[typeid(T)] = std::move(value);
  }
  /// nullptr: nothing of that type was kept.
  template <class T>
  T* kept() const {
    const auto found = kept_.find(typeid(T));
    return found == kept_.end() ? nullptr : static_cast<T*>(found->second.get());
  }

  /// From now on notes what is read into `recorder` (nullptr: no more). Returns the one before.
  ReadSet* record_into(ReadSet* recorder);
  /// How often record_into() was called: a cache above must not outlive a change of the read set.
  std::uint64_t recordings() const { return recordings_; }

  using Page = std::array<std::byte, kPageSize>;
  /// Pages held, by GPA.
  const std::unordered_map<std::uint64_t, std::unique_ptr<Page>>& pages() const { return pages_; }
  /// Registers without noting that a verdict depends on them: for keeping and showing a snapshot, not for
  /// judging.
  const std::vector<x86::CpuState>& kept_cpus() const { return cpus_; }

 private:
  /// Gives a loaded snapshot the pages that its file holds.
  friend Result<std::unique_ptr<Snapshot>> parse_snapshot(ByteView file);
  /// The page that starts at `page`, read if it is not held yet; a failure is remembered and noted.
  Result<const std::byte*> fetch(Gpa page);

  GuestInfo info_;
  std::vector<x86::CpuState> cpus_;
  memory::PhysicalMemory* memory_;
  std::unique_ptr<memory::PhysicalMemory> owned_memory_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Page>> pages_;
  std::unordered_map<std::uint64_t, Error> failed_;
  ReadSet* recorder_ = nullptr;
  std::uint64_t recordings_ = 0;
  std::unordered_map<std::type_index, std::shared_ptr<void>> kept_;
};

}  // namespace ringside::guest
