// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/golden/vendor_sites.h"

#include "guest/linux/golden/not_compared.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ringside::guest::linux {
namespace {

using ::testing::Field;
using ::testing::UnorderedElementsAre;

constexpr std::uint64_t kTable = 0x2000000, kText = 0x1000000;

PatchSite site(SiteKind kind, std::uint64_t at) {
  PatchSite one;
  one.kind = kind;
  one.first = Gva{at};
  return one;
}
Bytes hex(std::string_view text) {
  return from_hex(text).value();
}
/// A table whose only entry's code is kText.
Bytes table(std::size_t entry) {
  Bytes bytes(entry);
  const auto distance = static_cast<std::uint32_t>(kText - kTable);
  std::memcpy(bytes.data(), &distance, sizeof distance);
  return bytes;
}

TEST(VendorSites, JumpLabelsAndStaticCallsAreThoseOfTheTables) {
  VendorSites sites(64);
  const Bytes nop = hex("0f1f440000");
  // Nothing is known of them yet.
  EXPECT_TRUE(sites.allow(site(SiteKind::jump_label, kText + 1), nop, {}));
  sites.add_jump_table(kTable, table(16));
  sites.add_static_calls(kTable, table(8));
  for (const auto kind : {SiteKind::jump_label, SiteKind::static_call}) {
    EXPECT_TRUE(sites.allow(site(kind, kText), nop, {}));
    EXPECT_FALSE(sites.allow(site(kind, kText + 1), nop, {}));
  }
}

TEST(VendorSites, EntriesOfTracedFunctionsCallFentry) {
  const VendorSites sites(64);
  const PatchSite entry = site(SiteKind::ftrace, kText);
  EXPECT_TRUE(sites.allow(entry, hex("0f1f440000"), kText + 0x100));
  EXPECT_TRUE(sites.allow(entry, hex("e8fb00000090"), kText + 0x100));
  EXPECT_FALSE(sites.allow(entry, hex("e8fb00000090"), kText + 0x200));
  EXPECT_FALSE(sites.allow(entry, hex("4889e54889"), kText + 0x100));
  EXPECT_FALSE(sites.allow(entry, {}, kText));
}

TEST(VendorSites, APrefixMustHaveBeenOne) {
  const VendorSites sites(64);
  EXPECT_TRUE(sites.allow(site(SiteKind::lock_prefix, kText), hex("f0"), {}));
  EXPECT_FALSE(sites.allow(site(SiteKind::lock_prefix, kText), hex("90"), {}));
  EXPECT_TRUE(sites.allow(site(SiteKind::kprobe, kText), hex("90"), {}));
}

TEST(NotCompared, ModulesThatLackTheSameAreToldTogether) {
  const Error absent{Errc::not_found, "the vendor's module x was not imported"},
      other{Errc::mismatch, "another"};
  EXPECT_THAT(not_compared("nothing was checked", {{"a", absent}, {"b", absent}, {"c", other}}, "; so"),
              UnorderedElementsAre(
                  Field(&Error::message,
                        "nothing was checked of modules a, b: no vendor's file was imported (ringside "
                        "golden import); so"),
                  Field(&Error::message, "nothing was checked of module c: another; so")));
  EXPECT_THAT(not_compared("nothing was checked", {{"", absent}}),
              UnorderedElementsAre(
                  Field(&Error::message, "nothing was checked: the vendor's module x was not imported")));
  EXPECT_TRUE(not_compared("nothing was checked", {}).empty());
}

}  // namespace
}  // namespace ringside::guest::linux
