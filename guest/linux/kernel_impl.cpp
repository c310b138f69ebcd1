// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/kernel_impl.h"

#include "guest/descriptor_tables.h"
#include "guest/linux/golden/golden_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace ringside::guest::linux {

namespace {

/// What is kept with a snapshot: the kernel, or why there is none.
struct FoundKernel {
  std::shared_ptr<Kernel> kernel;
  Error why;
};

/// Bytes of banner and build id that are noted, so that a verdict falls when they change.
constexpr std::size_t kProofNoted = 36;

}  // namespace

Result<Kernel*> Kernel::of(Snapshot& snapshot) {
  auto* kept = snapshot.kept<FoundKernel>();
  if (kept == nullptr) {
    auto found = std::make_shared<FoundKernel>();
    KernelCache* cache = snapshot.kept<KernelCache>();
    // Discovery looks through much that a verdict does not depend on; what it does depend on is noted below.
    ReadSet* recorder = snapshot.record_into(nullptr);
    auto discovery = discover(snapshot, cache);
    snapshot.record_into(recorder);
    if (discovery)
      found->kernel = std::make_shared<DiscoveredKernel>(snapshot, std::move(*discovery), cache);
    else
      found->why = std::move(discovery).error();
    kept = found.get();
    snapshot.keep(std::move(found));
  }
  if (kept->kernel == nullptr) {
    // There may be a kernel at any moment: a verdict on its absence lasts no longer than the vCPUs stand
    // still.
    snapshot.cpus(RegisterGroups::general | RegisterGroups::control | RegisterGroups::tables);
    return fail(kept->why);
  }
  kept->kernel->note_proof();
  return kept->kernel.get();
}

void Kernel::set(Snapshot& snapshot, std::shared_ptr<Kernel> kernel) {
  auto found = std::make_shared<FoundKernel>();
  found->kernel = std::move(kernel);
  snapshot.keep(std::move(found));
}

DiscoveredKernel::DiscoveredKernel(Snapshot& snapshot, Discovery found, KernelCache* cache)
    : snapshot_(snapshot), found_(std::move(found)), cache_(cache), space_(snapshot, found_.identity.root) {
  found_.identity.cpus = static_cast<unsigned>(snapshot.kept_cpus().size());
  tables_ = {Gva{found_.symbols->tables_start().value + found_.slide}, Gva{0}};
  tables_.end = tables_.first + found_.symbols->tables_bytes().size();
  take_debug();
}

void DiscoveredKernel::note_proof() {
  if (proof_of_ == snapshot_.recordings()) return;
  proof_of_ = snapshot_.recordings();
  const auto& cpus = snapshot_.cpus(RegisterGroups::control | RegisterGroups::tables);
  std::array<std::byte, 16> gate;
  for (const auto& cpu : cpus)
    if ((cpu.cr0 & x86::cr0::kPg) != 0)
      (void)space_.read(cpu.idt.base + std::uint64_t{14} * gate.size(), gate);
  std::array<std::byte, kProofNoted> bytes;
  for (const Gva at : found_.proof) (void)space_.read(at, bytes);
}

Result<Gva> DiscoveredKernel::symbol(std::string_view name) {
  if (const auto index = found_.symbols->find(name))
    return Gva{found_.symbols->address(*index, found_.slide)};
  if (name == "linux_banner" && found_.banner != Gva{0}) return found_.banner;
  if (identity().bits == 32 && debug_ == nullptr)
    if (const auto variable = untyped().variable(*this, name)) return *variable;
  return fail(Errc::not_found, "this kernel has no symbol " + std::string(name));
}

Result<std::shared_ptr<const Btf>> DiscoveredKernel::read_btf() {
  const auto start = find_symbol("__start_BTF"), stop = find_symbol("__stop_BTF");
  if (!start || !stop) {
    if (debug_ != nullptr) return debug_->types();
    return fail(Errc::unavailable,
                "this kernel holds no type information (it was built without "
                "CONFIG_DEBUG_INFO_BTF)");
  }
  if (*stop <= *start || *stop - *start > Btf::kMaxBytes)
    return fail(Errc::out_of_bounds, fmt::format("the kernel's type information would reach from {} to {}",
                                                 to_string(*start), to_string(*stop)));
  // One comparison a boot: the types of a snapshot taken a moment later are the same read-only bytes.
  auto known = cache_ == nullptr ? nullptr : cache_->types(found_.identity.build_id);
  const std::string place = fmt::format("{} types of {} at {:x} {:x}", snapshot_.info().key(),
                                        found_.identity.build_id, start->value, found_.delta);
  if (known != nullptr && cache_->compared(place, known)) return known;
  Bytes raw(*stop - *start);
  const Gpa gpa{start->value - found_.delta};
  if (snapshot_.peek(gpa, raw) != raw.size())
    return fail(Errc::unavailable, "the kernel's type information could not be read");
  if (known == nullptr || known->raw() != raw) {
    RINGSIDE_TRY(known, Btf::parse(std::move(raw), pointer_size()));
  }
  if (cache_ != nullptr && !found_.identity.build_id.empty()) {
    cache_->add_types(found_.identity.build_id, known);
    cache_->note_compared(place, known);
  }
  return known;
}

/// The build id is the guest's word: that it is this build must show in where its functions stand.
bool DiscoveredKernel::fits(const SymbolTable& known, std::uint64_t slide) const {
  constexpr std::size_t kLooked = 256;
  const SymbolTable& own = *found_.symbols;
  const std::size_t step = std::max<std::size_t>(1, own.size() / kLooked);
  std::string name;
  bool any = false;
  for (std::size_t i = 0; i < own.size(); i += step) {
    const std::uint64_t address = own.address(i, found_.slide);
    if (!identity().text.contains(Gva{address})) continue;
    own.name(i, name);
    const auto same = known.find_all(name);
    if (std::none_of(same.begin(), same.end(),
                     [&](std::size_t one) { return known.address(one, slide) == address; }))
      return false;
    any = true;
  }
  return any;
}

void DiscoveredKernel::take_debug() {
  if (found_.symbols->find("__start_BTF")) return;  // it tells itself
  auto* store = snapshot_.kept<GoldenStore>();
  if (store == nullptr || identity().build_id.empty()) return;
  const auto known = store->debug({identity().build_id, identity().release});
  if (!known || (*known)->bits() != identity().bits) return;
  const SymbolTable& symbols = *(*known)->symbols();
  const auto text = symbols.find("_text"), end = symbols.find("_end");
  if (!text || !end) return;
  const std::uint64_t slide = identity().image.first.value - symbols.address(*text);
  if (!fits(symbols, slide)) {
    found_.steps.push_back(
        "types of this build were imported, but its functions stand elsewhere: they are not used");
    return;
  }
  debug_ = *known;
  found_.symbols = debug_->symbols();
  found_.slide = slide;
  found_.identity.image.end = std::max(found_.identity.image.end, Gva{symbols.address(*end, slide)});
  found_.steps.push_back("types and variables: of this build, imported");
}

Result<std::shared_ptr<const Btf>> DiscoveredKernel::btf() {
  if (!btf_) btf_ = read_btf();
  return *btf_;
}

Result<const Types*> DiscoveredKernel::types() {
  const auto found = btf();
  if (found) return found->get();
  if (identity().bits != 32) return fail(found.error());
  RINGSIDE_TRY(const auto recovered, untyped().types(*this));
  // It came from memory that the guest may write to: it serves the same boot of the same guest only.
  if (cache_ != nullptr && untyped_->complete() && cache_->untyped(place()) == nullptr)
    cache_->add_untyped(place(), std::make_shared<const UntypedKernel>(*untyped_));
  return recovered.get();
}

UntypedKernel& DiscoveredKernel::untyped() {
  if (!untyped_) {
    const auto known = cache_ == nullptr ? nullptr : cache_->untyped(place());
    untyped_ = known ? *known : UntypedKernel();
  }
  return *untyped_;
}

std::string DiscoveredKernel::place() const {
  return fmt::format("{} {} at {} {}", snapshot_.info().key(), found_.identity.build_id,
                     to_string(found_.identity.image.first), to_string(found_.identity.image_gpa));
}

Result<std::vector<std::uint64_t>> DiscoveredKernel::per_cpu_offsets() {
  RINGSIDE_TRY(const Gva table, symbol("__per_cpu_offset"));
  // CPUs are possible up to nr_cpu_ids; offsets of those that are not stay at the address where the linker
  // put the areas (arch/x86/kernel/setup_percpu.c, mm/percpu.c).
  std::uint64_t count = kMaxCpus;
  if (const auto ids = find_symbol("nr_cpu_ids")) {
    RINGSIDE_TRY(const auto possible, read<std::uint32_t>(*ids));
    if (possible == 0 || possible > kMaxCpus)
      return fail(Errc::out_of_bounds, fmt::format("nr_cpu_ids is {}", possible));
    count = possible;
  } else {
    count = std::max(1u, found_.identity.cpus);
  }
  std::vector<std::uint64_t> offsets(count);
  for (std::uint64_t cpu = 0; cpu < count; ++cpu) {
    RINGSIDE_TRY(const Gva offset, read_pointer(table + cpu * pointer_size()));
    offsets[cpu] = offset.value;
  }
  return offsets;
}

void DiscoveredKernel::hold_tables() {
  std::vector<Gpa> pages;
  const auto add = [&](std::uint64_t first, std::uint64_t end) {
    if (end <= first || end - first > Btf::kMaxBytes) return;
    for (Gpa page = page_of(Gpa{first - found_.delta}); page.value < end - found_.delta;
         page = page + kPageSize)
      pages.push_back(page);
  };
  add(tables_.first.value, tables_.end.value);
  const auto range = [&](std::string_view first, std::string_view end) {
    const auto from = find_symbol(first), to = find_symbol(end);
    if (from && to) add(from->value, to->value);
  };
  range("__start_BTF", "__stop_BTF");
  range("__start_notes", "__stop_notes");
  if (const auto at = find_symbol("init_uts_ns")) add(at->value, at->value + kPageSize);
  for (const Gva at : found_.proof) add(at.value, at.value + kPageSize);
  snapshot_.prefetch(pages);
}

std::shared_ptr<void>& DiscoveredKernel::memo_slot(const void* key) {
  if (memos_of_ != snapshot_.recordings()) {
    memos_.clear();
    memos_of_ = snapshot_.recordings();
  }
  return memos_[key];
}

}  // namespace ringside::guest::linux
