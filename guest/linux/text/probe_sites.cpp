// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/text/probe_sites.h"

#include "guest/linux/hash_buckets.h"
#include "guest/linux/object_reader.h"
#include "guest/linux/pointers.h"

namespace ringside::guest::linux {

namespace {

constexpr std::uint64_t kBuckets = 64;  // KPROBE_TABLE_SIZE
constexpr std::uint64_t kMaxProbes = 1u << 16;
// include/linux/kprobes.h
constexpr std::uint32_t kGone = 1, kDisabled = 2, kOptimized = 4, kFtrace = 8;
constexpr unsigned kBreakpoint = 0xcc;

class Probes {
 public:
  using Presence = ObjectReader::Presence;

  explicit Probes(SiteCollector& sites)
      : sites_(sites),
        probe_(sites.kernel(), "kprobe"),
        optimized_(sites.kernel(), "optimized_kprobe"),
        link_(probe_.add("hlist")),
        address_(probe_.add("addr")),
        flags_(probe_.add("flags")),
        opcode_(probe_.add("opcode")),
        slot_(optimized_.add("optinsn.insn", Presence::optional)),
        copied_(optimized_.add("optinsn.copied_insn", Presence::optional)),
        queued_(optimized_.add("list", Presence::optional)) {
    if (const auto field = sites.kernel().field("kprobe", "hlist")) link_offset_ = field->offset;
    if (const auto field = sites.kernel().field("optimized_kprobe", "kp")) outer_ = field->offset;
    if (const auto field = sites.kernel().field("optimized_kprobe", "list")) list_offset_ = field->offset;
  }

  const std::vector<Error>& missing() const { return probe_.missing(); }

  Result<void> add(Gva node) {
    const Gva probe{node - Gva{link_offset_}};
    RINGSIDE_CHECK(probe_.read(probe));
    const std::uint32_t flags = probe_.u32(flags_).value_or(0);
    if ((flags & (kGone | kDisabled | kFtrace)) != 0) return {};
    PatchSite site;
    site.kind = SiteKind::kprobe;
    site.first = probe_.pointer(address_).value_or(Gva{0});
    site.state = probe;
    if (const auto opcode = probe_.bytes(opcode_)) site.original = CodeBytes(opcode->first(1));
    bool breakpoint = true;
    if ((flags & kOptimized) != 0) {
      const Gva outer{probe - Gva{outer_}};
      RINGSIDE_CHECK(optimized_.read(outer));
      // While it waits to be made a jump, or to be made none, either stands there (optimize_kprobe()).
      const Gva list = outer + list_offset_;
      breakpoint = optimized_.pointer(queued_).value_or(list) != list;
      if (const auto slot = optimized_.pointer(slot_)) site.expect(sites_.jump(site.first, *slot));
      if (const auto copied = optimized_.bytes(copied_)) site.original.append(*copied);
    }
    if (breakpoint) site.expect(CodeBytes{kBreakpoint});
    sites_.add(site);
    return {};
  }

 private:
  SiteCollector& sites_;
  ObjectReader probe_, optimized_;
  ObjectReader::Member link_, address_, flags_, opcode_, slot_, copied_, queued_;
  std::uint32_t link_offset_ = 0, outer_ = 0, list_offset_ = 0;
};

}  // namespace

void add_kprobes(SiteCollector& sites) {
  Kernel& kernel = sites.kernel();
  if (!kernel.find_symbol("register_kprobe")) return;  // built without
  const auto table = kernel.symbol("kprobe_table");
  if (!table) return sites.problem(table.error().within("kprobes"));
  Probes probes(sites);
  if (!probes.missing().empty()) return sites.problem(probes.missing().front().within("kprobes"));
  if (const auto disarmed = kernel.find_symbol("kprobes_all_disarmed"))
    if (sites.value(*disarmed, 1, "kprobes_all_disarmed").value_or(0) != 0) return;
  walk_buckets(
      kernel, {*table, kBuckets, kernel.pointer_size(), 0, false}, kMaxProbes,
      [&](Gva node) {
        if (auto added = probes.add(node); !added) sites.problem(added.error().within("a kprobe"));
        return !sites.full();
      },
      [&](Error error) { sites.problem(error.within("kprobes")); });
}

void add_kgdb_breakpoints(SiteCollector& sites) {
  constexpr std::uint64_t kMaxBreakpoints = 1000;      // KGDB_MAX_BREAKPOINTS
  constexpr std::uint32_t kSoftware = 0, kActive = 3;  // BP_BREAKPOINT, BP_ACTIVE
  Kernel& kernel = sites.kernel();
  const auto first = kernel.find_symbol("kgdb_break");
  if (!first) return;
  const auto address = kernel.offset("kgdb_bkpt", "bpt_addr"),
             saved = kernel.offset("kgdb_bkpt", "saved_instr"), type = kernel.offset("kgdb_bkpt", "type"),
             state = kernel.offset("kgdb_bkpt", "state");
  const auto types = kernel.types();
  const auto size = types ? (*types)->size_of("kgdb_bkpt") : Result<std::uint64_t>(fail(types.error()));
  if (!address || !saved || !type || !state || !size)
    return sites.problem({Errc::unavailable, "breakpoints of kgdb: their layout is not known"});
  const unsigned pointer = kernel.pointer_size();
  if (*size < 16 || *size > 64 || *address > *size - pointer)
    return sites.problem({Errc::out_of_bounds, "struct kgdb_bkpt makes no sense"});
  const auto table = sites.table(*first, kMaxBreakpoints, *size, "breakpoints of kgdb");
  if (!table) return;
  for (std::uint64_t i = 0; i < kMaxBreakpoints; ++i) {
    const ByteView one = ByteView(*table).subspan(i * *size, *size);
    const Gva at = pointer_in(one.subspan(*address), 0, pointer);
    if (load_le<std::uint32_t>(one, *type) != kSoftware || load_le<std::uint32_t>(one, *state) != kActive)
      continue;
    PatchSite site;
    site.kind = SiteKind::kgdb_breakpoint;
    site.first = at;
    site.state = *first + i * *size;
    site.expect(CodeBytes{kBreakpoint});
    if (*saved < one.size()) site.original = CodeBytes(one.subspan(*saved, 1));
    sites.add(site);
  }
}

}  // namespace ringside::guest::linux
