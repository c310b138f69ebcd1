// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/text/site_collector.h"

#include "guest/linux/pointers.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace ringside::guest::linux {

SiteCollector::SiteCollector(Kernel& kernel, KernelText& text) : kernel_(kernel), text_(text) {
  choose_nops();
}

void SiteCollector::choose_nops() {
  // arch/x86/include/asm/nops.h
  const CodeBytes p6{0x0f, 0x1f, 0x44, 0x00, 0x00}, plain{0x3e, 0x8d, 0x74, 0x26, 0x00};
  nop5_ = {bits() == 64 ? p6 : plain};
  nop2_ = bits() == 64 ? CodeBytes{0x66, 0x90} : CodeBytes{0x89, 0xf6};
  const KernelIdentity& identity = kernel_.identity();
  chosen_nops_ = identity.major == 5 && identity.minor < 13;
  const auto chosen = kernel_.find_symbol("ideal_nops");
  if (!chosen) {
    if (chosen_nops_) nop5_ = {plain, p6, {0x66, 0x66, 0x66, 0x66, 0x90}, {0x3e, 0x8d, 0x44, 0x20, 0x00}};
    return;
  }
  chosen_nops_ = true;
  constexpr std::uint64_t kAtomic5 = 9;  // NOP_ATOMIC5
  const auto read = [&]() -> Result<void> {
    RINGSIDE_TRY(const Gva table, kernel_.read_pointer(*chosen));
    RINGSIDE_TRY(const Gva nop, kernel_.read_pointer(table + kAtomic5 * kernel_.pointer_size()));
    std::array<std::byte, 5> bytes;
    RINGSIDE_CHECK(kernel_.space().read(nop, bytes));
    nop5_ = {CodeBytes(ByteView(bytes))};
    return {};
  };
  if (auto done = read(); !done) problem(done.error().within("ideal_nops"));
}

void SiteCollector::expect_nop5(PatchSite& site) const {
  for (const CodeBytes& nop : nop5_) site.expect(nop);
}

void SiteCollector::add(PatchSite site) {
  if (site.count == 0 || full()) return;
  const auto region = text_.region_of(site.first);
  if (!region) return;
  site.region = *region;
  listing_.entries.push_back(site);
}

Listing<PatchSite> SiteCollector::take() {
  if (full())
    problem(
        {Errc::out_of_bounds, fmt::format("the kernel's tables name more than {} patch sites", kMaxSites)});
  std::stable_sort(listing_.entries.begin(), listing_.entries.end(),
                   [](const PatchSite& a, const PatchSite& b) { return a.first < b.first; });
  return std::move(listing_);
}

std::optional<Bytes> SiteCollector::table(Gva first, std::uint64_t count, std::uint64_t size,
                                          std::string_view what) {
  if (size == 0 || count > kMaxTableBytes / size) {
    problem({Errc::out_of_bounds, fmt::format("{} would have {} entries", what, count)});
    return std::nullopt;
  }
  Bytes bytes(count * size);
  if (auto read = kernel_.space().read(first, bytes); !read) {
    problem(read.error().within(what));
    return std::nullopt;
  }
  return bytes;
}

std::optional<std::uint64_t> SiteCollector::value(Gva at, unsigned size, std::string_view what) {
  const auto [place, fresh] = values_.try_emplace(at.value);
  if (!fresh) return place->second;
  std::array<std::byte, 8> bytes{};
  if (auto read = kernel_.space().read(at, std::span(bytes).first(std::min<std::size_t>(size, bytes.size())));
      !read) {
    problem(read.error().within(what));
    return std::nullopt;
  }
  std::uint64_t number = 0;
  std::memcpy(&number, bytes.data(), sizeof(number));
  place->second = number;
  return number;
}

}  // namespace ringside::guest::linux
