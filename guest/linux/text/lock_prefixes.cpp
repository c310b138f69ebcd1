// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/text/lock_prefixes.h"

#include "guest/linux/object_reader.h"
#include "guest/linux/walkers.h"

namespace ringside::guest::linux {

namespace {

constexpr unsigned kLock = 0xf0, kDs = 0x3e;
constexpr std::uint64_t kMaxLists = 1u << 13;

}  // namespace

void add_lock_prefixes(SiteCollector& sites) {
  Kernel& kernel = sites.kernel();
  const auto list = kernel.find_symbol("smp_alt_modules"),
             uniprocessor = kernel.find_symbol("uniproc_patched");
  if (!list || !uniprocessor) return;
  ObjectReader reader(kernel, "smp_alt_module");
  const auto first = reader.add("locks"), end = reader.add("locks_end");
  const auto link = kernel.field("smp_alt_module", "next");
  if (!link) return sites.problem(link.error());
  if (!reader.missing().empty()) return sites.problem(reader.missing().front());
  const auto one = sites.value(*uniprocessor, 1, "uniproc_patched");
  if (!one) return;
  const unsigned wanted = *one != 0 ? kDs : kLock;
  const auto add = [&](Gva entry, std::int32_t distance) {
    PatchSite site;
    site.kind = SiteKind::lock_prefix;
    site.first = Gva{entry.value + static_cast<std::uint64_t>(std::int64_t{distance})};
    if (sites.bits() == 32) site.first.value &= 0xffffffff;
    site.state = *uniprocessor;
    // An alternative may have taken the place of the whole instruction: then it is none of these.
    const ByteView actual = sites.text().bytes(site.first, 1);
    if (actual.empty() || (actual[0] != std::byte{kLock} && actual[0] != std::byte{kDs})) return;
    site.expect(CodeBytes{wanted});
    sites.add(site);
  };
  const auto walked = walk_list(kernel, *list, kMaxLists, [&](Gva node) {
    if (auto read = reader.read(Gva{node - Gva{link->offset}}); !read)
      return sites.problem(read.error().within("lock prefixes")), true;
    const Gva from = reader.pointer(first).value_or(Gva{0}), to = reader.pointer(end).value_or(Gva{0});
    if (to <= from) return true;
    const auto table = sites.table(from, (to - from) / 4, 4, "lock prefixes");
    for (std::size_t at = 0; table && at + 4 <= table->size() && !sites.full(); at += 4)
      add(from + at, static_cast<std::int32_t>(*load_le<std::uint32_t>(*table, at)));
    return !sites.full();
  });
  if (!walked) sites.problem(walked.error().within("lock prefixes"));
}

}  // namespace ringside::guest::linux
