// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/golden/kernel_reference.h"

#include "guest/linux/golden/golden_store.h"

#include <algorithm>

namespace ringside::guest::linux {

namespace {

using Made = Result<std::shared_ptr<GoldenKernelReference>>;

Made make(Kernel& kernel) {
  auto* store = kernel.snapshot().kept<GoldenStore>();
  if (store == nullptr)
    return fail(Errc::not_found, "there is nothing to compare this kernel with: no vendor files are kept");
  const KernelIdentity& identity = kernel.identity();
  RINGSIDE_TRY(auto golden, store->kernel({identity.build_id, identity.release}));
  return GoldenKernelReference::create(kernel, std::move(golden));
}

}  // namespace

Made golden_reference(Kernel& kernel) {
  return kernel.memo<Made>([&] { return make(kernel); });
}

Made GoldenKernelReference::create(Kernel& kernel, std::shared_ptr<const GoldenKernel> golden) {
  const KernelIdentity& identity = kernel.identity();
  if (golden->build_id() != identity.build_id || golden->bits() != identity.bits)
    return fail(Errc::mismatch, "the vendor's kernel is another one than the guest's");
  const std::uint64_t slide = identity.image.first.value - golden->base();
  if (slide != 0 && !golden->movable())
    return fail(Errc::unavailable,
                "the file that was imported for this kernel does not tell what moves with it",
                "import the vmlinuz instead of the vmlinux");
  std::shared_ptr<GoldenKernelReference> made(new GoldenKernelReference(kernel, std::move(golden), slide));
  made->take_rodata();
  made->take_sites();
  return made;
}

GoldenKernelReference::GoldenKernelReference(Kernel& kernel, std::shared_ptr<const GoldenKernel> golden,
                                             std::uint64_t slide)
    : kernel_(kernel), golden_(std::move(golden)), slide_(slide), sites_(golden_->bits()) {
  const auto& text = golden_->text();
  text_ = {Gva{text.first} + slide_, Gva{text.end()} + slide_};
}

void GoldenKernelReference::take_rodata() {
  const auto& part = golden_->rodata();
  const Range all{Gva{part.first} + slide_, Gva{part.end()} + slide_};
  const auto from = kernel_.find_symbol("__start_ro_after_init"),
             to = kernel_.find_symbol("__end_ro_after_init");
  if (!from || !to || !all.contains(*from) || *to < *from || all.end < *to) {
    problem_ = Error{Errc::unavailable,
                     "this kernel does not tell which part of its read-only data is written while it boots"};
    const Gva tail = Gva{golden_->rodata_section_end()} + slide_;
    if (all.contains(tail)) rodata_.push_back({tail, all.end});
    return;
  }
  if (all.first < *from) rodata_.push_back({all.first, *from});
  if (*to < all.end) rodata_.push_back({*to, all.end});
}

/// Where the tables are is what the kernel's symbols say, which are read-only data themselves.
void GoldenKernelReference::take_sites() {
  const auto table = [&](const char* from, const char* to) -> std::optional<std::pair<std::uint64_t, Bytes>> {
    const auto first = kernel_.find_symbol(from), end = kernel_.find_symbol(to);
    if (!first || !end || *end < *first || *end - *first > golden_->rodata().bytes.size())
      return std::nullopt;
    Bytes bytes(*end - *first);
    if (!golden_->read(first->value - slide_, bytes, slide_)) return std::nullopt;
    return std::pair(first->value, std::move(bytes));
  };
  if (const auto jumps = table("__start___jump_table", "__stop___jump_table"))
    sites_.add_jump_table(jumps->first, jumps->second);
  if (const auto calls = table("__start_static_call_sites", "__stop_static_call_sites"))
    sites_.add_static_calls(calls->first, calls->second);
  if (const auto entry = kernel_.find_symbol("__fentry__")) fentry_ = entry->value;
}

bool GoldenKernelReference::has_site(const PatchSite& site, ByteView expected) const {
  return sites_.allow(site, expected, fentry_);
}

std::vector<Range> GoldenKernelReference::ranges() const {
  std::vector<Range> all{text_};
  all.insert(all.end(), rodata_.begin(), rodata_.end());
  return all;
}

Result<Bytes> GoldenKernelReference::bytes(Gva first, std::size_t size) const {
  const auto all = ranges();
  const bool inside = std::any_of(all.begin(), all.end(), [&](const Range& one) {
    return one.first <= first && first <= one.end && one.end - first >= size;
  });
  Bytes out(inside ? size : 0);
  if (!inside || !golden_->read(first.value - slide_, out, slide_))
    return fail(Errc::out_of_bounds, "the vendor's kernel has no code or read-only data of " +
                                         std::to_string(size) + " bytes at " + to_string(first));
  return out;
}

std::unique_ptr<TextExplainer> GoldenKernelReference::explainer(Gva first, ByteView expected,
                                                                ByteView actual) const {
  return std::make_unique<BootForms>(BootFacts::of(kernel_), golden_->places(), slide_,
                                     BootForms::Run{first.value, expected, actual},
                                     [this](std::uint64_t at, std::span<std::byte> into) {
                                       return golden_->read(at - slide_, into, slide_);
                                     });
}

}  // namespace ringside::guest::linux
