// SPDX-License-Identifier: Apache-2.0
// Types read from guests' memory, against bpftool on the same bytes and against the kernel's own file: every
// member of every struct and union, and every enumerator, of the kernel and of its modules.
#include "guest/linux/module_types.h"
#include "tests/e2e/support/attached.h"
#include "tests/e2e/support/btf_oracle.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>

namespace ringside::lab {
namespace {

using guest::linux::Btf;

std::string saved(const Bytes& bytes, const std::string& path) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  return path;
}

/// The members as ringside lists them, in the oracle's words.
std::vector<BtfOracle::Member> listed(const Btf& btf, Btf::Id id) {
  std::vector<BtfOracle::Member> all;
  for (const auto& member : btf.members(id)) all.push_back({member.path, member.type, member.field, false});
  return all;
}

struct Counts {
  std::size_t types = 0, structs = 0, members = 0, bit_fields = 0, enumerators = 0;
};

/// Every type of `btf` against the oracle's.
void compare(const Btf& btf, const BtfOracle& oracle, Counts& counts) {
  EXPECT_TRUE(btf.problems().empty()) << btf.problems()[0].message;
  ASSERT_EQ(btf.end_id() - btf.first_id(), oracle.size());
  counts.types += oracle.size();
  for (const auto id : oracle.structs()) {
    ++counts.structs;
    ASSERT_EQ(btf.name(id), oracle.name(id)) << "type " << id;
    ASSERT_EQ(btf.size_of(id).value_or(~0u), oracle.size_of(id)) << oracle.name(id);
    auto expected = oracle.members(id), found = listed(btf, id);
    ASSERT_EQ(found.size(), expected.size()) << oracle.name(id);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      ++counts.members;
      if (expected[i].field.bit_size > 0) ++counts.bit_fields;
      if (expected[i].is_enum) expected[i].field.is_signed = found[i].field.is_signed;
      expected[i].is_enum = false;
      ASSERT_TRUE(found[i] == expected[i]) << oracle.name(id) << "." << expected[i].name;
      // Asked for by its path, which finds the first type of that name.
      const auto first = btf.find(btf.kind(id), oracle.name(id));
      if (first && *first == id && btf.find(Btf::Kind::struct_, oracle.name(id)) == first) {
        ASSERT_EQ(btf.field(oracle.name(id), expected[i].name).value_or(guest::linux::Field{}),
                  found[i].field)
            << oracle.name(id) << "." << expected[i].name;
      }
    }
  }
  for (const auto id : oracle.enums()) {
    std::vector<BtfOracle::Enumerator> found;
    for (const auto& [name, value] : btf.enumerators(id))
      found.push_back({std::string(name), static_cast<std::uint32_t>(value)});
    ASSERT_EQ(found, oracle.enumerators(id)) << oracle.name(id);
    counts.enumerators += found.size();
  }
}

class LinuxTypes : public testing::TestWithParam<const char*> {};

TEST_P(LinuxTypes, EqualWhatBpftoolReads) {
  Options options;
  options.kernel = GetParam();
  options.ram = Ram::memfd;
  options.memory = "512M";
  options.modules = true;
  options.ready_deadline = std::chrono::minutes(6);
  auto booted = Guest::boot(options);
  RINGSIDE_REQUIRE_GUEST(booted);
  Guest& guest = **booted;
  guest.run("settle 1 30", std::chrono::minutes(6));
  ASSERT_TRUE(guest.qmp().execute("stop").has_value());
  auto attached = attach(guest);
  ASSERT_TRUE(attached.has_value()) << attached.error().message;
  const auto snapshot = (*attached)->live->snapshot(guest::live::MsrSource::none);
  ASSERT_TRUE(snapshot.has_value()) << snapshot.error().message;
  const auto kernel = guest::linux::Kernel::of(**snapshot);
  ASSERT_TRUE(kernel.has_value()) << kernel.error().message;
  const auto btf = (*kernel)->btf();
  ASSERT_TRUE(btf.has_value()) << btf.error().message;

  const std::string file = saved((*btf)->raw(), guest.folder().file("vmlinux.btf"));
  const auto oracle = BtfOracle::of(file);
  if (!oracle && oracle.error().code == Errc::unavailable) GTEST_SKIP() << oracle.error().message;
  ASSERT_TRUE(oracle.has_value()) << oracle.error().message;
  Counts image, modules;
  compare(**btf, *oracle, image);
  if (HasFatalFailure()) return;

  std::size_t count = 0;
  if ((*kernel)->find_symbol("btf_modules")) {
    const auto listing = guest::linux::module_btfs(**kernel);
    ASSERT_TRUE(listing.has_value()) << listing.error().message;
    EXPECT_TRUE(listing->problems.empty()) << listing->problems[0].message;
    for (const auto& module : listing->entries) {
      const auto own = guest::linux::module_btf(**kernel, module);
      ASSERT_TRUE(own.has_value()) << own.error().message;
      const auto said = BtfOracle::of(saved((*own)->raw(), guest.folder().file("module.btf")), &*oracle);
      ASSERT_TRUE(said.has_value()) << said.error().message;
      compare(**own, *said, modules);
      if (HasFatalFailure()) return;
      ++count;
    }
    EXPECT_GE(count, 20u);
  }
  std::printf(
      "%s: %zu types, %zu structs, %zu members (%zu bit fields), %zu enumerators; %zu modules: %zu types, "
      "%zu "
      "structs, %zu members\n",
      (*kernel)->identity().release.c_str(), image.types, image.structs, image.members, image.bit_fields,
      image.enumerators, count, modules.types, modules.structs, modules.members);
}

INSTANTIATE_TEST_SUITE_P(Kernels, LinuxTypes,
                         testing::Values("5.10-cloud", "6.1-cloud", "6.12-cloud", "sid-cloud"),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::ranges::replace_if(
                               name, [](char c) { return c == '.' || c == '-'; }, '_');
                           return name;
                         });

}  // namespace
}  // namespace ringside::lab
