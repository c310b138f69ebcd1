// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/views/module_finder.h"

#include "guest/linux/modules.h"
#include "guest/linux/pointers.h"

#include <algorithm>
#include <cstring>
#include <string>

namespace ringside::guest::linux {

namespace {

/// Of all areas together: one of a module has some ten to a thousand KiB.
constexpr std::uint64_t kMaxSearched = std::uint64_t{16} << 20;
/// struct module is aligned to a cache line (include/linux/module.h, ____cacheline_aligned).
constexpr std::uint64_t kAlign = 64;

/// MODULE_NAME_LEN is 64 minus the size of a long; what a module is called is a file's name.
bool is_name(ByteView bytes) {
  const auto end = std::find(bytes.begin(), bytes.end(), std::byte{0});
  return end != bytes.begin() && end != bytes.end() && std::all_of(bytes.begin(), end, [](std::byte c) {
           return std::to_integer<unsigned>(c) > ' ' && std::to_integer<unsigned>(c) < 0x7f;
         });
}

}  // namespace

ModuleFinder::ModuleFinder(Kernel& kernel) : kernel_(kernel), left_(kMaxSearched) {
  const auto types = kernel.types();
  if (!types) return;
  // It stands in the module's data; up to 6.3 all that stays is one memory.
  const auto number = (*types)->enumerator("mod_mem_type", "MOD_DATA").value_or(1);
  const std::string in_data = "mem[" + std::to_string(number) + "].base";
  const auto base = kernel.field_of("module", {in_data, "core_layout.base"});
  const auto name = kernel.field("module", "name"), state = kernel.field("module", "state");
  if (!base || !name || !state || base->size != kernel.pointer_size() || name->size > 256 || state->size != 4)
    return;
  base_ = *base;
  name_ = *name;
  state_ = *state;
  for (const Field& field : {*base, *name, *state})
    span_ = std::max(span_, std::uint64_t{field.offset} + field.size);
}

bool ModuleFinder::looks_right(ByteView bytes, std::uint64_t area) const {
  if (pointer_in(bytes.subspan(base_->offset), 0, kernel_.pointer_size()).value != area) return false;
  std::uint32_t state = 0;
  std::memcpy(&state, bytes.subspan(state_->offset).data(), sizeof(state));
  return state <= static_cast<std::uint32_t>(ModuleState::unformed) &&
         is_name(bytes.subspan(name_->offset, name_->size));
}

std::optional<Gva> ModuleFinder::in(const ModuleArea& area) {
  if (!base_) return std::nullopt;
  // Page by page: the guard page, and others perhaps, cannot be read.
  Bytes bytes(kPageSize + span_);
  for (Gva page = area.first; page < area.end && left_ != 0; page = page + kPageSize) {
    left_ -= std::min<std::uint64_t>(left_, kPageSize);
    const std::uint64_t wanted = std::min<std::uint64_t>(bytes.size(), area.end - page);
    std::uint64_t there = 0;
    for (; there < wanted; there += kPageSize) {
      const auto part = std::span(bytes).subspan(there, std::min<std::uint64_t>(kPageSize, wanted - there));
      if (!kernel_.space().read(page + there, part)) break;
    }
    there = std::min(there, wanted);
    for (std::uint64_t at = 0; at < kPageSize && at + span_ <= there; at += kAlign)
      if (looks_right(ByteView(bytes).subspan(at, span_), area.first.value)) return page + at;
  }
  return std::nullopt;
}

}  // namespace ringside::guest::linux
