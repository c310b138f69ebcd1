// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/discovery.h"

#include "guest/elf_notes.h"
#include "guest/linux/banner.h"
#include "guest/linux/image_scan.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>

namespace ringside::guest::linux {

namespace {

using x86::PagingMode;

constexpr std::uint64_t kMaxNotes = 64u << 10;
constexpr std::uint64_t kMaxImage = std::uint64_t{512} << 20;
constexpr std::size_t kMaxBanner = 512;
/// Where the image is linked to: arch/x86/kernel/vmlinux.lds.S, __START_KERNEL (with CONFIG_PHYSICAL_START 16
/// MiB).
constexpr std::uint64_t kLinked64 = 0xffffffff81000000, kLinked32 = 0xc1000000;

class Discoverer {
 public:
  Discoverer(Snapshot& snapshot, KernelCache* cache) : snapshot_(snapshot), cache_(cache) {}

  Result<Discovery> run();

 private:
  void step(std::string line) { found_.steps.push_back(std::move(line)); }
  Gpa gpa_of(std::uint64_t gva) const { return Gpa{gva - found_.delta}; }
  std::optional<std::uint64_t> address_of(std::string_view name) const;
  bool take_known_build();
  bool tables_equal(const KernelBuild& build, std::uint64_t slide);
  Result<void> take_layout();
  Result<void> take_banner();
  void take_build_id();
  std::string build_id_at(std::uint64_t first, std::uint64_t end);
  Result<void> take_root();
  Result<void> check_handlers();
  std::string bytes_at(std::uint64_t gva, std::size_t size);
  std::optional<std::uint64_t> search_after_text(std::string_view text,
                                                 const std::function<bool(std::uint64_t)>& accept);
  void cross_check_release();

  Snapshot& snapshot_;
  KernelCache* cache_;
  EntryGate gate_;
  Discovery found_;
};

std::optional<std::uint64_t> Discoverer::address_of(std::string_view name) const {
  const auto index = found_.symbols->find(name);
  if (!index) return std::nullopt;
  return found_.symbols->address(*index, found_.slide);
}

/// Image bytes by their place in physical memory, unnoted.
std::string Discoverer::bytes_at(std::uint64_t gva, std::size_t size) {
  std::string bytes(size, '\0');
  snapshot_.peek(gpa_of(gva), std::as_writable_bytes(std::span(bytes)));
  return bytes;
}

std::string Discoverer::build_id_at(std::uint64_t first, std::uint64_t end) {
  if (end <= first || end - first > kMaxNotes) return {};
  const std::string notes = bytes_at(first, end - first);
  return gnu_build_id(as_bytes(notes)).value_or("");
}

/// The tables that the guest holds where the build says, all of them.
bool Discoverer::tables_equal(const KernelBuild& build, std::uint64_t slide) {
  const Bytes& known = build.symbols->tables_bytes();
  Bytes held(known.size());
  const Gpa gpa = gpa_of(build.symbols->tables_start().value + slide);
  return snapshot_.peek(gpa, held) == held.size() && build.symbols->same_tables(held);
}

/// A build that was seen before fits if the page-fault handler, the build id and every byte of kallsyms
/// agree.
bool Discoverer::take_known_build() {
  if (cache_ == nullptr || gate_.early) return false;
  for (const auto& build : cache_->builds(gate_.page_fault.value)) {
    const std::uint64_t slide = gate_.page_fault.value - build->page_fault;
    const auto first = build->symbols->find("__start_notes"), end = build->symbols->find("__stop_notes");
    if (first && end &&
        build_id_at(build->symbols->address(*first, slide), build->symbols->address(*end, slide)) !=
            build->build_id)
      continue;
    const std::string place = fmt::format("{} {} {:x} {:x}", snapshot_.info().key(), build->build_id,
                                          gate_.page_fault.value, gate_.page_fault_gpa.value);
    const bool before = cache_->compared(place, build);
    if (!before && !tables_equal(*build, slide)) continue;
    if (!before) cache_->note_compared(place, build);
    found_.symbols = build->symbols;
    found_.slide = slide;
    found_.from_cache = true;
    step(fmt::format("kallsyms: {} symbols, known of build {} and {} with the guest's own tables",
                     build->symbols->size(), build->build_id, before ? "compared before" : "compared"));
    return true;
  }
  return false;
}

/// Every handler of a kernel that has booted is a symbol's address, but for those that still name the freed
/// early_idt_handler_array (facts of all kernels) and the vector stubs in the middle of irq_entries_start.
Result<void> Discoverer::check_handlers() {
  std::size_t exact = 0;
  for (const auto handler : gate_.handlers) {
    const auto index = found_.symbols->at_or_before(handler, found_.slide);
    if (index && found_.symbols->address(*index, found_.slide) == handler) ++exact;
  }
  if (exact < std::min<std::size_t>(3, gate_.handlers.size()))
    return fail(Errc::mismatch,
                fmt::format("of {} interrupt handlers only {} are symbols of the kernel found",
                            gate_.handlers.size(), exact));
  step(fmt::format("{} of {} interrupt handlers are exactly symbols{}", exact, gate_.handlers.size(),
                   gate_.early ? "; the kernel is in early boot" : ""));
  return {};
}

Result<void> Discoverer::take_layout() {
  auto& identity = found_.identity;
  const auto text = address_of("_text"), stext = address_of("_stext"), etext = address_of("_etext");
  if (!stext || !etext || *etext <= *stext || *etext - *stext > kMaxImage)
    return fail(Errc::mismatch, "the kernel's symbols name no sane _stext and _etext");
  const std::uint64_t first = text.value_or(*stext);
  const auto end = address_of("_end");
  identity.text = {Gva{*stext}, Gva{*etext}};
  identity.image = {Gva{first}, Gva{end && *end > *etext && *end - first < kMaxImage ? *end : *etext}};
  const auto init = address_of("_sinittext"), init_end = address_of("_einittext");
  if (init && init_end && *init < *init_end && *init_end - *init < kMaxImage)
    identity.init_text = {Gva{*init}, Gva{*init_end}};
  identity.image_gpa = gpa_of(first);
  identity.slide = first - (identity.bits == 64 ? kLinked64 : kLinked32);
  if (!identity.text.contains(gate_.page_fault) && !identity.init_text.contains(gate_.page_fault))
    return fail(Errc::mismatch, "the page-fault handler " + to_string(gate_.page_fault) +
                                    " lies outside of the text of the kernel found");
  if (identity.bits == 64 && end && !identity.image.contains(found_.symbols->tables_start() + found_.slide))
    return fail(Errc::mismatch, "kallsyms stands outside of the kernel image that it describes");
  step(fmt::format("image {} to {} at GPA {}, slide 0x{:x}", to_string(identity.image.first),
                   to_string(identity.image.end), to_string(identity.image_gpa), identity.slide));
  return {};
}

/// For kernels whose kallsyms has no data symbols: the first place in the 16 MiB after text that holds `text`
/// and is accepted.
std::optional<std::uint64_t> Discoverer::search_after_text(std::string_view text,
                                                           const std::function<bool(std::uint64_t)>& accept) {
  constexpr std::size_t kSearched = std::size_t{16} << 20, kChunk = std::size_t{1} << 20;
  const std::uint64_t start = found_.identity.text.end.value & ~(kPageSize - 1);
  for (std::size_t at = 0; at < kSearched; at += kChunk) {
    const std::string bytes = bytes_at(start + at, kChunk + text.size());
    for (auto hit = bytes.find(text); hit != std::string::npos; hit = bytes.find(text, hit + 1))
      if (accept(start + at + hit)) return start + at + hit;
  }
  return std::nullopt;
}

Result<void> Discoverer::take_banner() {
  auto at = address_of("linux_banner");
  if (!at) {
    // linux_proc_banner, the template of /proc/version, stands beside it and does not parse: it has %s for a
    // release.
    std::optional<std::uint64_t> unnumbered;
    at = search_after_text("Linux version ", [&](std::uint64_t gva) {
      const auto banner = parse_banner(bytes_at(gva, kMaxBanner));
      if (banner && !banner->numbered && !unnumbered) unnumbered = gva;
      return banner && banner->numbered;
    });
    if (!at) at = unnumbered;
    if (!at) return fail(Errc::mismatch, "the kernel found has no banner");
  }
  found_.proof.push_back(Gva{*at});
  const auto banner = parse_banner(bytes_at(*at, kMaxBanner));
  if (!banner) return fail(Errc::mismatch, "linux_banner: " + banner.error().message);
  auto& identity = found_.identity;
  found_.banner = Gva{*at};
  identity.banner = banner->text;
  identity.release = banner->release;
  identity.major = banner->major;
  identity.minor = banner->minor;
  step(fmt::format("banner at {}: release {}", hex_address(*at), identity.release));
  return {};
}

void Discoverer::take_build_id() {
  const auto first = address_of("__start_notes"), end = address_of("__stop_notes");
  if (first && end) {
    found_.identity.build_id = build_id_at(*first, *end);
  } else {
    // The images of the vDSO have build ids too, each in a page that starts as an ELF file.
    constexpr std::string_view kNote("\4\0\0\0\x14\0\0\0\3\0\0\0GNU\0", 16);
    search_after_text(kNote, [&](std::uint64_t gva) {
      const std::uint64_t page = gva & ~(kPageSize - 1);
      if (bytes_at(page, 4) ==
              "\x7f"
              "ELF" ||
          bytes_at(page - kPageSize, 4) ==
              "\x7f"
              "ELF")
        return false;
      found_.identity.build_id = build_id_at(gva, gva + 36);
      found_.proof.push_back(Gva{gva});
      return !found_.identity.build_id.empty();
    });
  }
  step(found_.identity.build_id.empty() ? "no build id" : "build id " + found_.identity.build_id);
}

/// The kernel's own page tables. On x86-64 init_top_pgt maps all of the kernel and nothing else. i386 kernels
/// have no data symbols: there the root of the vCPU serves, whose kernel half is shared by all.
Result<void> Discoverer::take_root() {
  auto& identity = found_.identity;
  identity.root = gate_.root;
  const auto top = identity.bits == 64 ? address_of("init_top_pgt") : std::nullopt;
  if (top) {
    identity.root.table = gpa_of(*top);
    identity.root_from = "init_top_pgt";
  } else {
    identity.root_from =
        fmt::format("CR3 of vCPU {}{}", gate_.vcpu, gate_.isolated ? ", the kernel's half of the pair" : "");
  }
  const x86::PageTables tables(snapshot_, identity.root);
  const auto at = tables.translate(gate_.page_fault);
  if (!at || at->gpa != gate_.page_fault_gpa)
    return fail(Errc::mismatch, "the kernel's page tables (" + identity.root_from +
                                    ") do not map the page-fault handler where the vCPU's do");
  step(fmt::format("page tables {} at GPA {}: they map the page-fault handler to GPA {}, as the vCPU's do",
                   identity.root_from, to_string(identity.root.table), to_string(at->gpa)));
  return {};
}

/// init_uts_ns holds the release too (include/linux/utsname.h): `uname -r` reads it from there.
void Discoverer::cross_check_release() {
  const auto uts = address_of("init_uts_ns");
  if (!uts) return;
  const std::string bytes = bytes_at(*uts, 512);
  const bool agrees = bytes.find(found_.identity.release + '\0') != std::string::npos;
  step(agrees ? "init_uts_ns names the same release"
              : "CONTRADICTION: init_uts_ns names another release than the banner");
}

Result<Discovery> Discoverer::run() {
  if (!snapshot_.info().encryption.empty())
    return fail(Errc::unavailable, "guest memory is encrypted (" + snapshot_.info().encryption +
                                       "): nothing of the kernel can be read from outside");
  RINGSIDE_TRY(gate_, find_entry_gate(snapshot_));
  found_.delta = gate_.delta();
  auto& identity = found_.identity;
  identity.bits = gate_.root.mode == PagingMode::two_level || gate_.root.mode == PagingMode::pae ? 32 : 64;
  identity.isolation = gate_.isolated;
  step(fmt::format("vCPU {}: {} paging; page faults enter at {} (GPA {})", gate_.vcpu,
                   x86::to_string(gate_.root.mode), to_string(gate_.page_fault),
                   to_string(gate_.page_fault_gpa)));
  step(gate_.whole
           ? fmt::format("root {}: maps {} KiB in one run around it{}", to_string(gate_.root.table),
                         (gate_.mapped_above + gate_.mapped_below) >> 10,
                         gate_.isolated ? " (the vCPU was in user mode, on its other root)" : "")
           : fmt::format(
                 "root {}: maps little more than entry code (page-table isolation); the rest of the image is "
                 "found by its place in physical memory",
                 to_string(gate_.root.table)));
  const bool known = take_known_build();
  if (!known) {
    RINGSIDE_TRY(found_.symbols, find_symbols(snapshot_, gate_, found_.steps));
  }
  RINGSIDE_CHECK(check_handlers());
  RINGSIDE_CHECK(take_layout());
  RINGSIDE_CHECK(take_banner());
  take_build_id();
  RINGSIDE_CHECK(take_root());
  cross_check_release();
  if (!known && cache_ != nullptr && !gate_.early && !identity.build_id.empty())
    cache_->add(std::make_shared<KernelBuild>(
        KernelBuild{identity.build_id, found_.symbols, gate_.page_fault.value}));
  return std::move(found_);
}

}  // namespace

Result<Discovery> discover(Snapshot& snapshot, KernelCache* cache) {
  return Discoverer(snapshot, cache).run();
}

}  // namespace ringside::guest::linux
