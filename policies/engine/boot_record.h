// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/address.h"
#include "guest/snapshot.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ringside::policies {

/// Memory whose content stands at the same offset at every boot of one kernel build.
struct CodeRegion {
  std::string owner;  ///< "" the kernel's image, "idt" the fixed place of the IDT, "module NAME KIND"
  std::string build;  ///< of a module: its source version
  guest::Gva first;
  std::uint64_t size = 0;
  bool operator==(const CodeRegion&) const = default;
};

/// A portable cell, or a whole row, that was not as at the boot before when the guest had come up.
struct OverReboot {
  std::string table, key;  ///< the key as "vcpu=0 vector=14"
  std::string column;      ///< empty: the row is new or gone
  bool operator==(const OverReboot&) const = default;
};

/// What a baseline that was carried over from an earlier boot holds of it.
struct Carried {
  std::chrono::sys_time<std::chrono::seconds> from{};  ///< when what was carried over was learned
  std::vector<OverReboot> differences;
  /// Tables of which something was carried over, each with what of it was not; empty: that is told by the
  /// columns alone.
  std::map<std::string, std::string> tables;
  std::map<std::string, std::string> anew;  ///< tables that were not, each with the reason
};

/// The guest's own start-up goes on after its kernel has booted: it loads modules and sets settings.
struct StartUp {
  /// When it had had its time, and what it had added was learned; nullopt: it has not.
  std::optional<std::chrono::sys_time<std::chrono::seconds>> learned{};
  std::vector<std::string> code{};    ///< what was added then: modules, kKernelCode
  std::vector<std::string> tables{};  ///< of which rows were added then
};
/// How StartUp::code calls the kernel's image.
inline constexpr const char* kKernelCode = "the kernel";

/// Which boot a baseline is of.
struct BootRecord {
  std::string release, build_id;  ///< of the kernel; empty: no Linux, or one without a build id
  std::string boot;               ///< tells this boot from every other; empty: the kernel does not tell
  std::string machine;            ///< CPU model, features and accelerator; empty: not known
  std::vector<CodeRegion> regions;
  std::optional<Carried> carried{};   ///< nullopt: all of it was learned at this boot
  std::optional<StartUp> start_up{};  ///< nullopt: that was over when the baseline was taken

  bool still_starts_up() const { return start_up && !start_up->learned; }
};

/// That of a snapshot, without `machine`. Where there is no Linux, or what is asked for cannot be read, that
/// part stays empty: nothing is portable then.
BootRecord boot_record(guest::Snapshot& snapshot);

/// Whether both are of one boot of one kernel; nullopt: a kernel does not tell. A kernel that was put at the
/// same random place twice has not booted in between, whatever else it says: what tells boots apart can be
/// written to. Not so where a boot was seen: then the place is the same by chance.
std::optional<bool> same_boot(const BootRecord& a, const BootRecord& b, bool boot_seen);

/// Where what stood at `address` in the boot `then` stands in the boot `now`; nullopt: in no region of both.
std::optional<std::uint64_t> rebased(std::uint64_t address, const BootRecord& then, const BootRecord& now);

}  // namespace ringside::policies
