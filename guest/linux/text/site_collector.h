// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/text/kernel_text.h"
#include "guest/linux/text/patch_site.h"

#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace ringside::guest::linux {

/// Where the readers of the kernel's tables put the sites that they find, and what they share.
class SiteCollector {
 public:
  SiteCollector(Kernel& kernel, KernelText& text);

  Kernel& kernel() { return kernel_; }
  const KernelText& text() const { return text_; }
  unsigned bits() const { return kernel_.identity().bits; }

  /// Takes `site` if it stands in known text, and its expectation if it has any. Sites elsewhere (code that
  /// was freed after boot or after a module's init) are left out.
  void add(PatchSite site);
  /// The region that a site at `gva` would be in.
  std::optional<std::uint32_t> region_of(Gva gva) const { return text_.region_of(gva); }
  void problem(Error error) { listing_.problem(std::move(error)); }
  /// True once there are more sites than any kernel has: readers stop.
  bool full() const { return listing_.entries.size() >= kMaxSites; }
  /// Sites in order of address, and what could not be read.
  Listing<PatchSite> take();

  // --- this kernel's own encodings
  /// The NOP of five bytes; of a kernel that chose it at boot and does not tell which, all that it may be.
  void expect_nop5(PatchSite& site) const;
  const CodeBytes& nop2() const { return nop2_; }
  /// Up to 5.12 the NOP of five bytes is chosen at boot, for the CPU (arch/x86/kernel/alternative.c,
  /// ideal_nops).
  bool chosen_nops() const { return chosen_nops_; }
  std::optional<CodeBytes> call(Gva at, Gva to) const { return near_branch({0xe8}, at, to, bits()); }
  std::optional<CodeBytes> jump(Gva at, Gva to) const { return near_branch({0xe9}, at, to, bits()); }

  /// A table of `count` entries of `size` bytes. nullopt, and a problem: more than the bound, or unreadable.
  std::optional<Bytes> table(Gva first, std::uint64_t count, std::uint64_t size, std::string_view what);
  /// A number or pointer of the kernel's data, read once; nullopt, and a problem, if it cannot be read.
  std::optional<std::uint64_t> value(Gva at, unsigned size, std::string_view what);

  static constexpr std::size_t kMaxSites = 1u << 18;
  static constexpr std::uint64_t kMaxTableBytes = std::uint64_t{16} << 20;

 private:
  void choose_nops();

  Kernel& kernel_;
  KernelText& text_;
  Listing<PatchSite> listing_;
  std::unordered_map<std::uint64_t, std::optional<std::uint64_t>> values_;
  std::vector<CodeBytes> nop5_;
  CodeBytes nop2_;
  bool chosen_nops_ = false;
};

}  // namespace ringside::guest::linux
