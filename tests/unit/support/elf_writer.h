// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ringside::testing {

/// Writes ELF files of 64 bits, as far as kernels and modules need them.
class ElfWriter {
 public:
  static constexpr std::uint64_t kWrite = 1, kAlloc = 2, kExecute = 4;

  struct Section {
    std::string name;
    std::uint32_t type = 1;
    std::uint64_t flags = 0, address = 0;
    Bytes bytes;
    std::uint32_t link = 0, info = 0;
  };

  /// Returns the section's index.
  std::uint32_t add(Section section) {
    sections_.push_back(std::move(section));
    return static_cast<std::uint32_t>(sections_.size());
  }
  Section& section(std::uint32_t index) { return sections_[index - 1]; }

  /// `type`: 1 relocatable, 2 executable.
  Bytes write(std::uint16_t type) const {
    Bytes out(64);
    std::string names(1, '\0');
    std::vector<Bytes> headers{Bytes(64)};
    auto all = sections_;
    Section strings{".shstrtab", 3, 0, 0, {}, 0, 0};
    for (const auto& section : all) names += section.name + '\0';
    names += strings.name + '\0';
    append(strings.bytes, as_bytes(names));
    all.push_back(std::move(strings));
    std::uint32_t name = 1;
    for (const auto& section : all) {
      Bytes header(64);
      put<std::uint32_t>(header, 0, name);
      put<std::uint32_t>(header, 4, section.type);
      put<std::uint64_t>(header, 8, section.flags);
      put<std::uint64_t>(header, 16, section.address);
      put<std::uint64_t>(header, 24, out.size());
      put<std::uint64_t>(header, 32, section.bytes.size());
      put<std::uint32_t>(header, 40, section.link);
      put<std::uint32_t>(header, 44, section.info);
      append(out, section.bytes);
      headers.push_back(std::move(header));
      name += static_cast<std::uint32_t>(section.name.size()) + 1;
    }
    put<std::uint32_t>(out, 0, 0x464c457f);
    put<std::uint8_t>(out, 4, 2);
    put<std::uint16_t>(out, 16, type);
    put<std::uint16_t>(out, 18, 62);
    put<std::uint64_t>(out, 40, out.size());
    put<std::uint16_t>(out, 58, 64);
    put<std::uint16_t>(out, 60, static_cast<std::uint16_t>(headers.size()));
    put<std::uint16_t>(out, 62, static_cast<std::uint16_t>(headers.size() - 1));
    for (const auto& header : headers) append(out, header);
    return out;
  }

  template <class T>
  static void put(Bytes& into, std::size_t at, T value) {
    std::memcpy(into.data() + at, &value, sizeof value);
  }
  template <class T>
  static void append_value(Bytes& into, T value) {
    append(into, std::as_bytes(std::span(&value, 1)));
  }
  static void append(Bytes& into, ByteView more) { into.insert(into.end(), more.begin(), more.end()); }
  static Bytes bytes_of(std::string_view text) {
    const auto view = as_bytes(text);
    return {view.begin(), view.end()};
  }

 private:
  std::vector<Section> sections_;
};

}  // namespace ringside::testing
