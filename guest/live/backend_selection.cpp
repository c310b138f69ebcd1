// SPDX-License-Identifier: Apache-2.0
#include "guest/live/backend_selection.h"

#include "guest/live/run_state.h"
#include "guest/live/shared_regions.h"
#include "qmp/commands.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace ringside::guest::live {

namespace {

using Selected = Result<SelectedBackend>;
using memory::MemoryRange;
constexpr std::size_t kPlaceSize = 64;     // bytes compared at a place; what one `xp /8gx` prints
constexpr unsigned kPlacesCompared = 16;   // of a block, where something else than zeros stands
constexpr unsigned kPlacesLookedAt = 256;  // in search of such places
constexpr int kTries = 3;

const MemoryRange* first_ram(const memory::MemoryMap& map) {
  const auto& ranges = map.ranges();
  const auto ram = std::find_if(ranges.begin(), ranges.end(), [](const MemoryRange& range) {
    return range.kind == MemoryRange::Kind::ram;
  });
  return ram == ranges.end() ? nullptr : &*ram;
}

/// One real read: rights and visibility are known only by trying.
Result<void> prove(memory::PhysicalMemory& memory) {
  const MemoryRange* ram = first_ram(memory.map());
  if (ram == nullptr) return fail(Errc::unsupported, "the guest has no RAM");
  std::array<std::byte, kPlaceSize> place{};
  return memory.read(ram->start, std::span(place).first(std::min<std::size_t>(kPlaceSize, ram->size)));
}

bool is_zero(std::span<const std::byte> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

Result<std::unique_ptr<memory::PhysicalMemory>> try_process(const BackendContext& context) {
  if (!context.qemu) return fail(Errc::unavailable, context.no_process);
  RINGSIDE_TRY(auto memory, memory::open_process(context.map, *context.qemu));
  RINGSIDE_CHECK(prove(*memory));
  return memory;
}

MemoryReader reader_of(memory::PhysicalMemory& memory) {
  return [&memory](Gpa gpa, std::span<std::byte> into) { return memory.read(gpa, into); };
}

/// Guest memory as the monitor prints it: slow, and needs nothing but QMP.
MemoryReader reader_by_monitor(const BackendContext& context) {
  return [&context](Gpa gpa, std::span<std::byte> into) -> Result<void> {
    RINGSIDE_CHECK(context.may_go_on());
    RINGSIDE_TRY(const std::string text,
                 context.monitor.call(qmp::human_monitor_command(fmt::format("xp /8gx {:#x}", gpa.value))));
    RINGSIDE_TRY(const Bytes bytes, parse_xp(text));
    std::copy_n(bytes.begin(), std::min(bytes.size(), into.size()), into.begin());
    return {};
  };
}

Selected try_mapped(const BackendContext& context) {
  auto process = try_process(context);
  std::vector<FoundRegion> found;
  if (context.qemu) found = regions_of_process(context.map, context.mappings, *context.qemu);
  for (FoundRegion& region : regions_of_qom(context.map, context.monitor))
    if (std::none_of(found.begin(), found.end(),
                     [&](const FoundRegion& known) { return known.region.block == region.region.block; }))
      found.push_back(std::move(region));
  if (found.empty())
    return fail(Errc::unsupported, "guest RAM is in no shared file that we can open",
                "start QEMU with a memory-backend-memfd or memory-backend-file, share=on");
  std::vector<memory::SharedRegion> regions;
  regions.reserve(found.size());
  for (const FoundRegion& region : found) regions.push_back(region.region);
  SelectedBackend selected;
  RINGSIDE_TRY(selected.memory, memory::open_mapped(context.map, regions, nullptr, context.qemu.value_or(0)));
  const MemoryReader trusted = process ? reader_of(**process) : reader_by_monitor(context);
  for (const FoundRegion& region : found) {
    const auto same = compare_memory(context.map, region.region.block, reader_of(*selected.memory), trusted);
    // All zeros prove nothing, but the inode that QEMU itself has mapped needs no more proof.
    if (!same && !(region.proven && same.error().code == Errc::unavailable))
      return fail(same.error().within(
          fmt::format("{} is not the guest's {}", region.region.path, region.region.block)));
  }
  // Opened anew with a way to what is not shared: ROM, video memory.
  if (process) {
    RINGSIDE_TRY(selected.memory,
                 memory::open_mapped(context.map, regions, std::move(*process), context.qemu.value_or(0)));
  }
  return selected;
}

/// Starts the gdbstub and ends it again, without connecting: that much does not stop the guest.
Result<void> prove_gdbstub(qmp::Monitor& monitor) {
  RINGSIDE_TRY(const GdbstubInUse use, gdbstub_in_use(monitor, {}));
  if (use.active) return fail(Errc::unavailable, "QEMU's gdbstub is in use");
  std::string reasons = "no folder for its socket";
  for (const std::string& base : private_directory_bases(monitor.endpoint())) {
    const auto directory = PrivateDirectory::create(base, monitor.peer());
    if (!directory) {
      reasons = directory.error().message;
      continue;
    }
    const std::string socket = directory->path() + "/gdb";
    (void)monitor.call(
        qmp::human_monitor_command(fmt::format("gdbserver unix:{},server=on,wait=off", socket)));
    const bool reachable = ::access(socket.c_str(), R_OK | W_OK) == 0;
    RINGSIDE_CHECK(end_gdbstub(monitor, socket));
    if (reachable) return {};
    reasons = fmt::format("QEMU's gdbstub socket cannot be reached in {}", base);
  }
  return fail(Errc::unsupported, reasons);
}

Selected try_gdbstub(const BackendContext& context) {
  if (FreezeWindow::on(context.monitor) == nullptr) RINGSIDE_CHECK(prove_gdbstub(context.monitor));
  SelectedBackend selected;
  selected.memory = memory::make_gdbstub_memory(context.map, context.read_frozen);
  return selected;
}

Selected try_qmp(const BackendContext& context) {
  Result<void> outcome = fail(Errc::unsupported, "no folder that both sides see");
  for (const std::string& base : private_directory_bases(context.monitor.endpoint())) {
    auto directory = PrivateDirectory::create(base, context.monitor.peer());
    if (!directory) {
      outcome = fail(directory.error());
      continue;
    }
    SelectedBackend selected;
    selected.memory = memory::make_qmp_memory(context.map, context.monitor, directory->path());
    outcome = prove(*selected.memory);
    if (!outcome) continue;
    selected.exchange = std::move(*directory);
    return selected;
  }
  return fail(outcome.error());
}

struct Way {
  Backend backend;
  std::string_view name;
  Selected (*attempt)(const BackendContext&);
};

constexpr std::array<Way, 4> kWays{{
    {Backend::mapped, "mapped", try_mapped},
    {Backend::process, "process",
     [](const BackendContext& context) -> Selected {
       SelectedBackend selected;
       RINGSIDE_TRY(selected.memory, try_process(context));
       return selected;
     }},
    // Slow, but it does not stop the guest; and of much it is the faster one too, as no window is opened for
    // it.
    {Backend::qmp, "qmp", try_qmp},
    {Backend::gdbstub, "gdbstub", try_gdbstub},
}};

}  // namespace

Result<Backend> parse_backend(std::string_view name) {
  if (name == "auto") return Backend::automatic;
  for (const Way& way : kWays)
    if (way.name == name) return way.backend;
  return fail(Errc::invalid_argument, fmt::format("there is no memory backend \"{}\"", name),
              "auto, mapped, process, qmp or gdbstub");
}

Result<Bytes> parse_xp(std::string_view text) {
  // "0000000000001000: 0x0123456789abcdef 0x..." (QEMU monitor/misc.c, memory_dump); lines end in CRLF.
  Bytes bytes;
  while (!text.empty() && bytes.size() < kPlaceSize) {
    const std::size_t start = text.find(" 0x");
    if (start == std::string_view::npos) break;
    text.remove_prefix(start + 1);
    const std::string_view word = text.substr(0, text.find_first_of(" \r\n"));
    const auto value = parse_number(word);
    if (!value || word.size() != 18) break;
    for (unsigned i = 0; i < 8; ++i) bytes.push_back(static_cast<std::byte>(*value >> (8 * i)));
    text.remove_prefix(word.size());
  }
  if (bytes.size() != kPlaceSize) return fail(Errc::malformed, "the answer to xp holds no eight giant words");
  return bytes;
}

Result<void> compare_memory(const memory::MemoryMap& map, const std::string& block,
                            const MemoryReader& checked, const MemoryReader& trusted) {
  unsigned compared = 0;
  std::array<std::byte, kPlaceSize> ours{}, theirs{};
  for (const MemoryRange& range : map.ranges()) {
    if (range.block != block || range.kind != MemoryRange::Kind::ram || range.size < kPageSize) continue;
    const std::uint64_t pages = range.size / kPageSize;
    const std::uint64_t stride = std::max<std::uint64_t>(1, pages / kPlacesLookedAt);
    for (std::uint64_t page = 0; page < pages && compared < kPlacesCompared; page += stride) {
      const Gpa gpa = range.start + page * kPageSize;
      bool same = false;
      for (int tries = 0; tries < kTries && !same; ++tries) {
        RINGSIDE_CHECK(trusted(gpa, theirs));
        RINGSIDE_CHECK(checked(gpa, ours));
        same = ours == theirs;
      }
      if (!same) return fail(Errc::mismatch, fmt::format("other bytes at {}", to_string(gpa)));
      if (!is_zero(ours)) ++compared;
    }
  }
  if (compared == 0) return fail(Errc::unavailable, "all that was compared is zero");
  return {};
}

Result<SelectedBackend> select_backend(Backend wanted, const BackendContext& context,
                                       std::vector<std::string>& notes) {
  std::vector<std::string> reasons;
  for (const Way& way : kWays) {
    if (wanted != Backend::automatic && wanted != way.backend) continue;
    RINGSIDE_CHECK(context.may_go_on());
    Selected selected = way.attempt(context);
    if (selected) {
      notes.insert(notes.end(), reasons.begin(), reasons.end());
      return selected;
    }
    if (wanted != Backend::automatic)
      return fail(selected.error().within(fmt::format("backend {}", way.name)));
    reasons.push_back(fmt::format("{}: {}", way.name, selected.error().message));
  }
  return fail(Errc::unsupported, fmt::format("no way to guest memory: {}", fmt::join(reasons, "; ")));
}

}  // namespace ringside::guest::live
