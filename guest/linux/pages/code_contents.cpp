// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/pages/code_contents.h"

#include "guest/linux/pages/code_owner_sources.h"
#include "guest/linux/pages/direct_map.h"
#include "guest/linux/pages/ftrace_trampoline.h"
#include "guest/linux/pages/kprobe_slots.h"
#include "guest/linux/pages/vmalloc_areas.h"
#include "guest/linux/runtime_code.h"

#include <algorithm>
#include <array>

namespace ringside::guest::linux {

namespace {

using Kind = CodeOwnerKind;
using Verdict = CodeContents::Verdict;

/// Most bytes of one trampoline: it has some 400.
constexpr std::uint64_t kMaxTrampoline = kPageSize;

Verdict unread(const Error& error) {
  return {CodeContent::not_checked, error.message};
}
Verdict judged(std::optional<std::string> wrong) {
  if (!wrong) return {CodeContent::ok, {}};
  return {CodeContent::wrong, std::move(*wrong)};
}

constexpr std::uint64_t round_up(std::uint64_t value, std::uint64_t to) {
  return (value + to - 1) / to * to;
}

}  // namespace

bool CodeContents::is_filler(Gva first, std::uint64_t size) {
  std::array<std::byte, kPageSize> page;
  for (std::uint64_t done = 0; done < size; done += kPageSize) {
    const auto piece = std::span(page).first(std::min(size - done, kPageSize));
    if (!mappings_.read(kernel_.snapshot(), first + done, piece)) return false;
    if (std::any_of(piece.begin(), piece.end(), [](std::byte byte) { return byte != std::byte{0xcc}; }))
      return false;
  }
  return true;
}

Verdict CodeContents::of(const CodeOwner& owner) {
  switch (owner.kind) {
    case Kind::bpf_pack:
      return pack(owner);
    case Kind::ftrace_trampoline:
      return trampoline(owner);
    case Kind::real_mode:
      return real_mode(owner);
    case Kind::filler:
      return {CodeContent::ok, {}};
    case Kind::kernel_text:
    case Kind::module_text:
    case Kind::module_init_text:
      return {CodeContent::not_checked, "text is compared with what it was built from, not here"};
    case Kind::bpf_program:
      return program(owner);
    case Kind::bpf_image:
      return {CodeContent::not_checked, "what a program was compiled to is not known"};
    case Kind::kprobe_slots:
      return slots(owner);
    case Kind::optprobe_slots:
      return {CodeContent::not_checked, "detours of optimised kprobes are not compared with their template"};
    case Kind::its_thunks:
    case Kind::kexec:
    case Kind::hypercall:
    case Kind::vsyscall:
      break;
  }
  return {CodeContent::not_checked, "nothing in the guest's memory says what should be there"};
}

void CodeContents::find_extents() {
  extents_.emplace();
  packs_ = bpf_packs(kernel_);
  constexpr std::uint64_t kChunk = BpfPack::kChunk;
  for (const BpfProgram& program : bpf_programs(kernel_).entries) {
    // A header with the size stands in the chunk where the code starts, before it, and filler all around
    // (kernel/bpf/core.c, bpf_jit_binary_pack_alloc). The header tells the size in all: it must not be much
    // more than the code's.
    const Gva header{program.code.value & ~(kChunk - 1)};
    constexpr std::uint64_t kHeader = 4, kMaxPadding = 512, kFixup = 12;
    const std::uint64_t fixups = std::min<std::uint64_t>(program.fixup_count, kMaxBpfCode / kFixup) * kFixup;
    const std::uint64_t most =
        round_up((program.code - header) + program.code_size + fixups + kMaxPadding, kChunk);
    std::array<std::byte, kHeader> told{};
    if (!mappings_.read(kernel_.snapshot(), header, told)) continue;
    const std::uint64_t size = std::min<std::uint64_t>(*load_le<std::uint32_t>(told, 0), most);
    BpfExtent extent{header, size, {{header, kHeader}, {program.code, program.code_size}}};
    if (fixups > 0) extent.parts.push_back({program.fixups, fixups});
    extents_->push_back(std::move(extent));
  }
  for (const RuntimeCode& code : runtime_code(kernel_).entries)
    if (code.kind == RuntimeCode::Kind::bpf) {
      const Gva first{code.first.value & ~(kChunk - 1)};
      extents_->push_back(
          {first, round_up(code.first + code.size - first, kChunk), {{code.first, code.size}}});
    }
  Owners pages;
  add_struct_ops(kernel_, pages);
  for (const CodeOwner& page : pages.take().entries)
    extents_->push_back({page.first, page.size, {{page.first, page.size}}});
}

Verdict CodeContents::pack(const CodeOwner& owner) {
  if (!extents_) find_extents();
  const auto found = std::find_if(packs_.entries.begin(), packs_.entries.end(),
                                  [&](const BpfPack& one) { return one.first == owner.first; });
  if (found == packs_.entries.end())
    return {CodeContent::not_checked, "which parts of the pack are given away is not known"};
  compared_ += found->size;
  if (compared_ > kMaxBpfPackBytes)
    return {CodeContent::not_checked,
            "more than " + std::to_string(kMaxBpfPackBytes >> 20) + " MiB of packs are too many"};
  Bytes bytes(found->size);
  if (auto read = mappings_.read(kernel_.snapshot(), found->first, bytes); !read) return unread(read.error());
  const auto fault = wrong_in_pack(*found, bytes, *extents_);
  if (!fault) return {CodeContent::ok, {}};
  return {CodeContent::wrong, fault->what, fault->at};
}

/// Before packs (5.18) each program has pages of its own: a header of 4 bytes, the code at a random place,
/// what fixes faults behind it, and filler in between (kernel/bpf/core.c, bpf_jit_binary_alloc). As with
/// packs, the code itself is taken as it is.
Verdict CodeContents::program(const CodeOwner& owner) {
  const Verdict unknown{CodeContent::not_checked, "where the program in it begins and ends is not known"};
  const VmallocArea* area = find_area(vmalloc_areas(kernel_), owner.first);
  if (area == nullptr || !area->caller) return unknown;
  // Compiled with frame pointers, as for 32 bits, bpf_jit_alloc_exec calls module_alloc instead of ending in
  // it.
  const std::string asked = function_name(kernel_, *area->caller);
  if (asked != "bpf_jit_binary_alloc" && asked != "bpf_jit_alloc_exec") return unknown;
  if (!programs_) programs_ = bpf_programs(kernel_).entries;
  // A kernel of 32 bits gives the whole area as its owner, others the code.
  const auto found =
      std::ranges::find_if(*programs_, [&](const BpfProgram& one) { return area->contains(one.code); });
  if (found == programs_->end() || area->size <= kPageSize) return unknown;
  const std::uint64_t size = area->size - kPageSize;  // without its guard page
  compared_ += size;
  if (compared_ > kMaxBpfPackBytes) return unknown;
  Bytes bytes(size);
  if (auto read = mappings_.read(kernel_.snapshot(), area->start, bytes); !read) return unread(read.error());
  constexpr std::uint64_t kHeader = 4, kFixup = 12;
  const auto cover = [&](Gva first, std::uint64_t length) {
    if (!area->contains(first)) return;
    const std::uint64_t from = first - area->start;
    for (std::uint64_t i = from; i < size && i - from < length; ++i) bytes[i] = std::byte{0xcc};
  };
  cover(area->start, kHeader);
  cover(found->code, found->code_size);
  cover(found->fixups, std::min<std::uint64_t>(found->fixup_count, kMaxBpfCode / kFixup) * kFixup);
  const auto foreign = std::ranges::find_if(bytes, [](std::byte byte) { return byte != std::byte{0xcc}; });
  if (foreign == bytes.end()) return {CodeContent::ok, {}};
  return judged("at " + to_string(area->start + static_cast<std::uint64_t>(foreign - bytes.begin())) +
                " stands what is neither the program nor filler");
}

Verdict CodeContents::trampoline(const CodeOwner& owner) {
  if (owner.size > kMaxTrampoline)
    return {CodeContent::wrong, "a trampoline of " + std::to_string(owner.size) + " bytes"};
  Bytes bytes(owner.size);
  if (auto read = mappings_.read(kernel_.snapshot(), owner.first, bytes); !read) return unread(read.error());
  auto wrong = check_ftrace_trampoline(kernel_, bytes, owner.first);
  if (!wrong) return unread(wrong.error());
  if (*wrong) return judged(std::move(*wrong));
  return rest_of_page(owner);
}

Verdict CodeContents::rest_of_page(const CodeOwner& owner) {
  const Gva end = owner.first + owner.size, page_end = owner.last_page() + kPageSize;
  Bytes rest(page_end - end);
  if (rest.empty()) return {CodeContent::ok, {}};
  if (auto read = mappings_.read(kernel_.snapshot(), end, rest); !read) return unread(read.error());
  // Memory for code is filled with int3, or it is as the page allocator gives it.
  const auto other = std::find_if(rest.begin(), rest.end(), [&](std::byte byte) {
    return byte != rest.front() || (byte != std::byte{0} && byte != std::byte{0xcc});
  });
  if (other == rest.end()) return {CodeContent::ok, {}};
  // struct static_key starts with its count of users (include/linux/jump_label.h).
  const auto zeroes = kernel_.find_symbol("init_on_alloc");
  const auto users = zeroes ? kernel_.read<std::int32_t>(*zeroes) : Result<std::int32_t>(0);
  if (users.value_or(0) <= 0)
    return {CodeContent::not_checked,
            "this kernel does not clear memory that it gives away (init_on_alloc): "
            "what stands behind the code may be anything"};
  return {CodeContent::wrong, "at " + to_string(end + static_cast<std::uint64_t>(other - rest.begin())) +
                                  ": something behind the code"};
}

Verdict CodeContents::slots(const CodeOwner& owner) {
  bool unused = false;
  auto wrong = check_kprobe_slots(kernel_, mappings_, owner.first, unused);
  if (!wrong) return unread(wrong.error());
  if (!*wrong && unused)
    return {CodeContent::not_checked,
            "slots in use are right; free ones hold what they were used for before"};
  return judged(std::move(*wrong));
}

Verdict CodeContents::real_mode(const CodeOwner& owner) {
  const auto base = direct_map_base(kernel_);
  if (!base) return unread(base.error());
  for (Gva page = owner.first; page <= owner.last_page(); page = page + kPageSize)
    if (const auto gpa = mappings_.translate(page); gpa && gpa->value != page - *base)
      return {CodeContent::wrong, to_string(page) + " is mapped to " + to_string(*gpa) +
                                      ", not to the page at " + hex_address(page - *base)};
  return {CodeContent::not_checked,
          "it stands in the right frames; nothing in the guest's memory says what should be there"};
}

}  // namespace ringside::guest::linux
