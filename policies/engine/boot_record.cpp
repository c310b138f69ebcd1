// SPDX-License-Identifier: Apache-2.0
#include "policies/engine/boot_record.h"

// Before any system header can: see there.
#include "base/bytes.h"
#include "guest/linux/kernel.h"
#include "guest/linux/linux_macro.h"
#include "guest/linux/modules.h"
#include "guest/snapshot_stream.h"

#include <algorithm>

namespace ringside::policies {

namespace {

namespace linux = guest::linux;

/// Where a 64-bit kernel maps its IDT read-only: CPU_ENTRY_AREA_RO_IDT, the first page of the CPU entry area
/// (arch/x86/include/asm/pgtable_areas.h); the areas behind it are what is placed at random.
constexpr guest::Gva kFixedIdt{0xfffffe0000000000};

/// Most regions that a baseline keeps: every part of 1024 modules.
constexpr std::size_t kMostRegions = 1024 * linux::kModuleRegionKinds;

void add_modules(linux::Kernel& kernel, std::vector<CodeRegion>& regions) {
  const auto modules = linux::modules(kernel, linux::ModuleParts::layout | linux::ModuleParts::texts);
  for (const auto& module : modules.entries) {
    if (module.state != linux::ModuleState::live || !module.srcversion) continue;
    for (const auto& region : module.regions)
      if (regions.size() < kMostRegions)
        regions.push_back({"module " + module.name + " " + std::string(to_string(region.kind)),
                           *module.srcversion, region.base, region.size});
  }
}

/// The first task's stack canary is drawn at random once a boot (arch/x86/include/asm/stackprotector.h). It
/// is a secret of the guest: what is kept is a hash, of it and of where the kernel was put.
std::string boot_of(linux::Kernel& kernel) {
  const auto task = kernel.symbol("init_task");
  const auto member = kernel.field("task_struct", "stack_canary");
  if (!task || !member) return {};
  const auto canary = kernel.read_field(*task, *member);
  if (!canary || *canary == 0) return {};
  guest::Sha256 hash;
  hash.add(std::as_bytes(std::span(&*canary, 1)));
  const auto digest = hash.finish();
  const auto& identity = kernel.identity();
  // Without KASLR the place says nothing; on i386 there are too few to choose from.
  const std::string place =
      identity.slide == 0 || identity.bits == 32
          ? ""
          : guest::to_string(guest::Gva{identity.slide}) + "/" + guest::to_string(identity.image_gpa);
  return to_hex(ByteView(digest).first(16)) + "@" + place;
}

}  // namespace

BootRecord boot_record(guest::Snapshot& snapshot) {
  BootRecord record;
  const auto kernel = linux::Kernel::of(snapshot);
  if (!kernel) return record;
  const auto& identity = (*kernel)->identity();
  record.release = identity.release;
  record.build_id = identity.build_id;
  record.regions.push_back({"", "", identity.image.first, identity.image.size()});
  if (identity.bits == 64) record.regions.push_back({"idt", "", kFixedIdt, guest::kPageSize});
  add_modules(**kernel, record.regions);
  record.boot = boot_of(**kernel);
  return record;
}

std::optional<bool> same_boot(const BootRecord& a, const BootRecord& b, bool boot_seen) {
  if (a.boot.empty() || b.boot.empty()) return std::nullopt;
  if (a.build_id != b.build_id) return false;
  if (a.boot == b.boot) return true;
  if (boot_seen) return false;
  const std::string place = a.boot.substr(std::min(a.boot.find('@'), a.boot.size()));
  return place.size() > 1 && b.boot.ends_with(place);
}

std::optional<std::uint64_t> rebased(std::uint64_t address, const BootRecord& then, const BootRecord& now) {
  for (const auto& old : then.regions) {
    const std::uint64_t offset = address - old.first.value;
    if (offset >= old.size) continue;
    const auto same = std::find_if(now.regions.begin(), now.regions.end(), [&](const CodeRegion& one) {
      return one.owner == old.owner && one.build == old.build && one.size == old.size;
    });
    if (same == now.regions.end()) return std::nullopt;
    return same->first.value + offset;
  }
  return std::nullopt;
}

}  // namespace ringside::policies
