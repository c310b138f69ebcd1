// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/text/jump_labels.h"

#include "guest/linux/text/jump_table_search.h"
#include "guest/linux/text/module_tables.h"

#include <cstring>

namespace ringside::guest::linux {

namespace {

// Low bits of jump_entry.key.
constexpr std::uint64_t kLikely = 1, kInit = 2, kFlags = 3;

class JumpLabels {
 public:
  explicit JumpLabels(SiteCollector& sites)
      : sites_(sites), pointer_(sites.kernel().pointer_size()), size_(8 + pointer_) {
    // enabled is the first member of struct static_key in all releases; types tell where there are any.
    if (const auto field = sites.kernel().field("static_key", "enabled")) enabled_ = field->offset;
  }

  std::uint64_t entry_size() const { return size_; }

  void add(Gva first, std::uint64_t count, std::string_view what) {
    const auto table = sites_.table(first, count, size_, what);
    if (!table) return;
    const auto word = [&](std::size_t at) {
      return static_cast<std::uint64_t>(static_cast<std::int32_t>(*load_le<std::uint32_t>(*table, at)));
    };
    for (std::uint64_t i = 0; i < count && !sites_.full(); ++i) {
      const std::size_t at = i * size_;
      // Each number counts from its own place.
      std::uint64_t key = pointer_ == 8 ? *load_le<std::uint64_t>(*table, at + 8) : word(at + 8);
      key += (first + at).value + 8;
      add_entry(wrap(word(at) + (first + at).value), wrap(word(at + 4) + (first + at).value + 4), wrap(key));
    }
  }

 private:
  Gva wrap(std::uint64_t address) const { return Gva{pointer_ == 8 ? address : address & 0xffffffff}; }

  void add_entry(Gva code, Gva target, Gva tagged_key) {
    if ((tagged_key.value & kInit) != 0 || !sites_.region_of(code)) return;
    PatchSite site;
    site.first = code;
    site.kind = SiteKind::jump_label;
    site.state = Gva{tagged_key.value & ~kFlags};
    const auto enabled = sites_.value(site.state + enabled_, 4, "static_key.enabled");
    if (!enabled) return;
    const auto count = static_cast<std::int32_t>(*enabled);
    const bool likely = (tagged_key.value & kLikely) != 0;
    // -1: being enabled at this moment (kernel/jump_label.c, static_key_slow_inc_cpuslocked): either way.
    if (count < 0 || (count != 0) != likely) expect_jump(site, target);
    if (count < 0 || (count != 0) == likely) expect_nop(site, target);
    sites_.add(site);
  }

  /// From 5.14 on, a jump has two bytes where that reaches (arch/x86/kernel/jump_label.c,
  /// arch_jump_entry_size).
  bool may_be_short(const PatchSite& site, Gva target) const {
    return !sites_.chosen_nops() && short_jump(site.first, target).has_value();
  }
  void expect_jump(PatchSite& site, Gva target) const {
    if (may_be_short(site, target)) site.expect(short_jump(site.first, target));
    site.expect(sites_.jump(site.first, target));
  }
  void expect_nop(PatchSite& site, Gva target) const {
    if (may_be_short(site, target)) site.expect(sites_.nop2());
    sites_.expect_nop5(site);
  }

  SiteCollector& sites_;
  unsigned pointer_;
  std::uint64_t size_;
  std::uint32_t enabled_ = 0;
};

}  // namespace

void add_jump_labels(SiteCollector& sites) {
  JumpLabels labels(sites);
  Kernel& kernel = sites.kernel();
  const auto first = kernel.find_symbol("__start___jump_table"),
             end = kernel.find_symbol("__stop___jump_table");
  if (first && end && *first <= *end) {
    labels.add(*first, (*end - *first) / labels.entry_size(), "the kernel's jump labels");
  } else if (const auto found = find_jump_table(kernel)) {
    labels.add(found->first, found->size() / labels.entry_size(), "the kernel's jump labels");
  } else {
    sites.problem(found.error().within("jump labels of the kernel"));
  }
  each_module_table(sites, "jump_entries", "num_jump_entries",
                    [&](Gva table, std::uint64_t count, const std::string& module) {
                      labels.add(table, count, "jump labels of module " + module);
                    });
}

}  // namespace ringside::guest::linux
