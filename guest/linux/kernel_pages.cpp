// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/kernel_pages.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace ringside::guest::linux {

const Snapshot::Page* KernelPages::page(std::uint32_t gva) {
  const std::uint32_t start = gva & ~static_cast<std::uint32_t>(kPageSize - 1);
  const auto known = pages_.find(start);
  if (known != pages_.end()) return known->second;
  const Snapshot::Page* found = nullptr;
  if (pages_.size() < kMaxPages)
    if (const auto gpa = kernel_.space().translate(Gva{start})) {
      Snapshot& snapshot = kernel_.snapshot();
      snapshot.prefetch(std::array{*gpa});
      const auto held = snapshot.pages().find(gpa->value);
      if (held != snapshot.pages().end()) found = held->second.get();
    }
  pages_.emplace(start, found);
  return found;
}

bool KernelPages::read(std::uint32_t gva, std::span<std::byte> into) {
  while (!into.empty()) {
    const Snapshot::Page* bytes = page(gva);
    if (bytes == nullptr) return false;
    const std::size_t offset = gva % kPageSize, here = std::min(into.size(), kPageSize - offset);
    std::memcpy(into.data(), bytes->data() + offset, here);
    into = into.subspan(here);
    gva += static_cast<std::uint32_t>(here);
    if (gva == 0 && !into.empty()) return false;
  }
  return true;
}

std::optional<std::string> KernelPages::text(std::uint32_t gva, std::size_t max) {
  std::string text;
  while (true) {
    const auto character = get<char>(gva++);
    if (!character) return std::nullopt;
    if (*character == '\0') return text;
    if (*character < ' ' || *character > '~' || text.size() == max) return std::nullopt;
    text += *character;
  }
}

}  // namespace ringside::guest::linux
