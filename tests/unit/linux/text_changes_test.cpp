// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/text/text_changes.h"

#include "guest/linux/text/kept_text.h"
#include "tests/unit/support/text_world.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace ringside::guest::linux {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::TextWorld;

constexpr Gva at(std::uint64_t offset) {
  return Gva{TextWorld::kText + offset};
}
const Gva kModule{TextWorld::kModule};

/// Explains a return in the five bytes at `place`.
class Returns final : public TextExplainer {
 public:
  Returns(std::size_t place, ByteView actual) : place_(place), actual_(actual) {}
  std::optional<std::string> explain(std::size_t offset, std::size_t size) override {
    const bool fits =
        offset >= place_ && offset + size <= place_ + kReturn.size() &&
        std::equal(kReturn.begin(), kReturn.end(), actual_.begin() + static_cast<std::ptrdiff_t>(place_));
    return fits ? std::optional<std::string>("return thunks") : std::nullopt;
  }
  std::optional<Place> place(std::size_t offset) override {
    if (offset < place_ || offset >= place_ + kReturn.size()) return std::nullopt;
    return Place{place_, kReturn};
  }

 private:
  const Bytes kReturn = from_hex("c3cccccccc").value();
  std::size_t place_;
  ByteView actual_;
};

/// A vendor's kernel that is NOPs all over, with a return at 0x600 and no jump label but the one at 0x10.
class Vendor final : public TextReference, public TextReferenceSource {
 public:
  std::string_view source() const override { return "golden"; }
  std::string_view name() const override { return "golden"; }
  std::vector<Range> ranges() const override { return {{at(0), at(TextWorld::kTextSize)}}; }
  Result<Bytes> bytes(Gva, std::size_t size) const override { return Bytes(size, std::byte{0x90}); }
  bool has_site(const PatchSite& site, ByteView) const override { return site.first == at(0x10); }
  std::unique_ptr<TextExplainer> explainer(Gva, ByteView, ByteView actual) const override {
    return std::make_unique<Returns>(0x600, actual);
  }
  Result<std::shared_ptr<const TextReference>> reference(Kernel&) const override {
    return std::shared_ptr<const TextReference>(std::make_shared<Vendor>());
  }
};

/// A healthy kernel with one jump label and one module, and whatever `harm` does to it.
struct Seen {
  TextWorld world;
  explicit Seen(const std::function<void(TextWorld&)>& harm = {}, std::uint64_t instance = 7) {
    world.jumps = {{at(0x10), at(0x1000), world.number(0)}};
    world.code(at(0x10), {0x0f, 0x1f, 0x44, 0, 0});
    world.add_module("veth", kModule, {}, 0, instance);
    if (harm) harm(world);
    world.finish();
  }
  std::shared_ptr<const KeptText> keep() {
    return std::make_shared<KeptText>(keep_text(world.kernel).value());
  }

  /// "source offset expected>actual reason" of each change.
  std::vector<std::string> changes(const std::shared_ptr<const KeptText>& kept, bool of_modules = false,
                                   bool explained = false) {
    std::vector<std::shared_ptr<const TextReferenceSource>> sources;
    if (vendor) sources.push_back(std::make_shared<Vendor>());
    if (kept) sources.push_back(first_seen(kept));
    std::vector<std::string> all;
    problems =
        text_changes(world.kernel, TextReferences(world.kernel, sources), {of_modules, explained},
                     [&](const TextChange& change) {
                       all.push_back(fmt::format("{} {:x} {}>{} {}", change.source,
                                                 change.first.value & 0xffff, to_hex(change.expected),
                                                 to_hex(change.actual), change.explained_by.value_or("-")));
                       return true;
                     });
    return all;
  }
  std::vector<Error> problems;
  bool vendor = false;  ///< compare with one
};

TEST(TextChanges, AreNoneWhereNothingChanged) {
  const auto kept = Seen().keep();
  Seen now;
  EXPECT_THAT(now.changes(kept), IsEmpty());
  EXPECT_THAT(now.changes(kept, true), IsEmpty());
  EXPECT_THAT(now.problems, IsEmpty());
}

TEST(TextChanges, AnOverwrittenFunctionIsOneRowWithBothSides) {
  const auto kept = Seen().keep();
  Seen now([](TextWorld& world) { world.branch(at(0x500), 0xe9, at(0x5000)); });
  EXPECT_THAT(now.changes(kept), ElementsAre("first-seen 500 9090909090>e9fb4a0000 -"));
}

TEST(TextChanges, ASiteThatChangedWithItsStateIsExplained) {
  const auto kept = Seen().keep();
  Seen now([](TextWorld& world) {
    world.kernel.put(world.jumps[0].key, std::int32_t{1});
    world.branch(at(0x10), 0xe9, at(0x1000));
  });
  EXPECT_THAT(now.changes(kept), IsEmpty());
  EXPECT_THAT(now.changes(kept, false, true), ElementsAre("first-seen 10 0f1f440000>e9eb0f0000 jump_label"));
}

TEST(TextChanges, ASiteThatChangedWithoutItsStateIsOneChangeNotTwo) {
  const auto kept = Seen().keep();
  const auto flip = [](TextWorld& world) { world.branch(at(0x10), 0xe9, at(0x1000)); };
  EXPECT_THAT(Seen(flip).changes(kept), ElementsAre("sites 10 0f1f440000>e9eb0f0000 -"));
  Seen without(flip);
  EXPECT_THAT(without.changes(nullptr), ElementsAre("sites 10 0f1f440000>e9eb0f0000 -"));
  EXPECT_THAT(without.problems, ElementsAre(Field(&Error::message, HasSubstr("no baseline"))));
}

TEST(TextChanges, BytesBehindASiteAreNotItsOwn) {
  const auto kept = Seen().keep();
  Seen now([](TextWorld& world) { world.code(at(0x15), {0xcc}); });
  EXPECT_THAT(now.changes(kept), ElementsAre("first-seen 15 90>cc -"));
}

TEST(TextChanges, OfAModuleAreTheModules) {
  const auto kept = Seen().keep();
  Seen now([](TextWorld& world) { world.code(kModule + 0x20, {0xe9}); });
  EXPECT_THAT(now.changes(kept), IsEmpty());
  EXPECT_THAT(now.changes(kept, true), ElementsAre("first-seen 20 00>e9 -"));
}

TEST(TextChanges, AModuleThatWasLoadedAgainIsNotComparedAndThatIsSaid) {
  const auto kept = Seen().keep();
  Seen again([](TextWorld& world) { world.code(kModule + 0x20, {0xe9}); }, 8);
  EXPECT_THAT(again.changes(kept, true), IsEmpty());
  EXPECT_THAT(again.problems, ElementsAre(Field(&Error::message, HasSubstr("veth"))));
}

TEST(TextChanges, AKernelThatStandsElsewhereIsNotCompared) {
  auto kept = std::make_shared<KeptText>(*Seen().keep());
  kept->regions[0].first = at(0x200000);
  Seen now([](TextWorld& world) { world.code(at(0x500), {0xe9}); });
  EXPECT_THAT(now.changes(kept), IsEmpty());
  EXPECT_THAT(now.problems, ElementsAre(Field(&Error::message, HasSubstr("has booted since"))));
}

TEST(TextChanges, WhatWasDecidedAtBootIsExplainedAndWhatIsFoundInItIsToldByWhatStoodThere) {
  Seen healthy([](TextWorld& world) { world.code(at(0x600), {0xc3, 0xcc, 0xcc, 0xcc, 0xcc}); });
  healthy.vendor = true;
  EXPECT_THAT(healthy.changes(nullptr), IsEmpty());
  EXPECT_THAT(healthy.changes(nullptr, false, true),
              ElementsAre("golden 10 9090909090>0f1f440000 jump_label",
                          "golden 600 9090909090>c3cccccccc return thunks"));
  Seen changed([](TextWorld& world) { world.code(at(0x600), {0xc3, 0xcc, 0x11, 0xcc, 0xcc}); });
  changed.vendor = true;
  EXPECT_THAT(changed.changes(nullptr), ElementsAre("golden 602 cc>11 -"));
}

TEST(TextChanges, AnEntryThatWasAddedToTheKernelsTablesExcusesNothing) {
  const auto add = [](TextWorld& world) {
    world.jumps.push_back({at(0x500), at(0x5000), world.number(1)});
    world.branch(at(0x500), 0xe9, at(0x5000));
  };
  Seen seen(add);
  EXPECT_THAT(seen.changes(nullptr), IsEmpty());  // the kernel's own state is all there is to ask
  Seen known(add);
  known.vendor = true;
  EXPECT_THAT(known.changes(nullptr), ElementsAre("golden 500 9090909090>e9fb4a0000 -"));
}

TEST(TextChanges, AProbeThatWasSetWhenTheTextWasKeptIsNotKept) {
  Seen then([](TextWorld& world) {
    world.kernel.define("register_kprobe", at(0x7000), 'T');
    const Gva table = world.kernel.define_variable("kprobe_table", 64 * 8), probe = world.kernel.allocate(40);
    world.kernel.put(probe + 16, at(0x300).value);
    world.kernel.put(probe + 28, std::uint8_t{0x90});
    world.kernel.put(table, probe.value);
    world.code(at(0x300), {0xcc});
  });
  Seen now;
  EXPECT_THAT(now.changes(then.keep()), IsEmpty());
}

}  // namespace
}  // namespace ringside::guest::linux
