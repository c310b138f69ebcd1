// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "guest/linux/kallsyms.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace ringside::testing {

/// Writes the tables of kallsyms as scripts/kallsyms.c of a release does.
class KallsymsWriter {
 public:
  enum class Layout { linux_5_10, linux_6_1, linux_6_12, linux_7 };
  using Encoding = guest::linux::KallsymsEncoding;

  struct Entry {
    std::uint64_t address = 0;
    char type = 'T';
    std::string name;
    bool absolute = false;  ///< with absolute_percpu: stored as it is
  };

  /// The window that write() makes: the tables with filler around them.
  struct Window {
    Bytes bytes;
    std::uint64_t start = 0;  ///< GVA of its first byte
    guest::linux::KallsymsTables tables;
  };

  KallsymsWriter(Layout layout, unsigned pointer_size, Encoding encoding)
      : layout_(layout), pointer_size_(pointer_size), encoding_(encoding) {}

  /// `entries` in order of address. `start`: the GVA of the window.
  Window write(std::span<const Entry> entries, std::uint64_t start, std::uint64_t relative_base,
               int filler_words = 1000) const {
    Window window;
    window.start = start;
    auto& tables = window.tables;
    tables.count = static_cast<std::uint32_t>(entries.size());
    tables.pointer_size = pointer_size_;
    tables.encoding = encoding_;
    // Other data, without the zeros and small numbers that tables begin with.
    for (int i = 0; i < filler_words; ++i) put(window, std::uint32_t{0xcc90c3e8});
    const bool old = layout_ == Layout::linux_5_10 || layout_ == Layout::linux_6_1;
    if (old) put_addresses(window, entries, relative_base);
    put_names(window, entries);
    if (layout_ == Layout::linux_6_1) put_sequence(window, entries.size());
    put_tokens(window);
    if (!old) put_addresses(window, entries, relative_base);
    if (layout_ == Layout::linux_6_12 || layout_ == Layout::linux_7) put_sequence(window, entries.size());
    for (int i = 0; i < filler_words; ++i) put(window, std::uint32_t{0xcc90c3e8});
    tables.first = old ? tables.offsets : tables.num_syms;
    tables.end = old ? tables.token_index + 512 : after_addresses_;
    return window;
  }

  /// What token number `code` stands for.
  static std::string token(unsigned code) {
    static const std::vector<std::string> pairs{"sys_", "__", "do_", "init", "_x64", "get", "Tfunction_"};
    if (code > ' ' && code < 0x7f) return std::string(1, static_cast<char>(code));
    if (code < pairs.size()) return pairs[code];
    return "%" + std::to_string(code) + "%";
  }

  static Bytes compressed(std::string_view text) {
    Bytes out;
    while (!text.empty()) {
      auto best = static_cast<unsigned char>(text[0]);
      for (unsigned code = 0; code < 7; ++code)
        if (text.starts_with(token(code)) && token(code).size() > token(best).size())
          best = static_cast<unsigned char>(code);
      out.push_back(std::byte{best});
      text.remove_prefix(token(best).size());
    }
    return out;
  }

 private:
  template <class T>
  static void put(Window& window, T value) {
    const auto bytes = std::as_bytes(std::span(&value, 1));
    window.bytes.insert(window.bytes.end(), bytes.begin(), bytes.end());
  }

  void align(Window& window) const {
    const std::size_t alignment = layout_ == Layout::linux_7 ? 4 : pointer_size_;
    while ((window.start + window.bytes.size()) % alignment != 0) window.bytes.push_back(std::byte{0});
  }

  void put_addresses(Window& window, std::span<const Entry> entries, std::uint64_t base) const {
    align(window);
    window.tables.offsets = window.bytes.size();
    for (const Entry& entry : entries) {
      const std::uint64_t here = window.start + window.bytes.size();
      std::uint64_t stored = entry.address - base;
      if (encoding_ == Encoding::absolute_percpu)
        stored = entry.absolute ? entry.address : base - 1 - entry.address;
      if (encoding_ == Encoding::pc_relative) stored = entry.address - here;
      put(window, static_cast<std::uint32_t>(stored));
    }
    after_addresses_ = window.bytes.size();
    if (encoding_ == Encoding::pc_relative) return;
    align(window);
    window.tables.relative_base_at = window.bytes.size();
    window.tables.relative_base = base;
    if (pointer_size_ == 8)
      put(window, base);
    else
      put(window, static_cast<std::uint32_t>(base));
    after_addresses_ = window.bytes.size();
  }

  void put_names(Window& window, std::span<const Entry> entries) const {
    align(window);
    window.tables.num_syms = window.bytes.size();
    put(window, window.tables.count);
    align(window);
    const std::size_t names = window.tables.names = window.bytes.size();
    std::vector<std::uint32_t> markers;
    for (std::size_t i = 0; i < entries.size(); ++i) {
      if (i % 256 == 0) markers.push_back(static_cast<std::uint32_t>(window.bytes.size() - names));
      const Bytes name = compressed(entries[i].type + entries[i].name);
      if (name.size() > 0x7f) {
        put(window, static_cast<std::uint8_t>((name.size() & 0x7f) | 0x80));
        put(window, static_cast<std::uint8_t>(name.size() >> 7));
      } else {
        put(window, static_cast<std::uint8_t>(name.size()));
      }
      window.bytes.insert(window.bytes.end(), name.begin(), name.end());
    }
    window.tables.names_end = window.bytes.size();
    align(window);
    window.tables.markers = window.bytes.size();
    for (const std::uint32_t marker : markers) put(window, marker);
  }

  void put_sequence(Window& window, std::size_t count) const {
    align(window);
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t shuffled = (i * 7919) % count;
      for (const unsigned shift : {16u, 8u, 0u}) put(window, static_cast<std::uint8_t>(shuffled >> shift));
    }
  }

  void put_tokens(Window& window) const {
    align(window);
    const std::size_t table = window.tables.token_table = window.bytes.size();
    std::vector<std::uint16_t> index;
    for (unsigned code = 0; code < 256; ++code) {
      index.push_back(static_cast<std::uint16_t>(window.bytes.size() - table));
      const std::string text = token(code);
      const auto bytes = as_bytes(text);
      window.bytes.insert(window.bytes.end(), bytes.begin(), bytes.end());
      window.bytes.push_back(std::byte{0});
    }
    align(window);
    window.tables.token_index = window.bytes.size();
    for (const std::uint16_t at : index) put(window, at);
  }

  Layout layout_;
  unsigned pointer_size_;
  Encoding encoding_;
  mutable std::size_t after_addresses_ = 0;
};

/// `count` symbols of a made-up kernel whose image starts at `text`: functions 48 bytes apart, some of them
/// aliases, some with names of more than 127 compressed bytes.
inline std::vector<KallsymsWriter::Entry> made_up_symbols(std::size_t count, std::uint64_t text,
                                                          bool with_absolute) {
  std::vector<KallsymsWriter::Entry> entries;
  for (std::size_t i = 0; i < count; ++i) {
    KallsymsWriter::Entry entry;
    const std::string number = std::to_string(i);
    if (with_absolute && i < 40) {
      entry = {i * 64, 'A', "per_cpu_variable_" + number, true};
    } else {
      // Every tenth symbol shares its address with the one before it.
      const std::size_t place = i % 10 == 9 ? i - 1 : i;
      entry = {text + place * 48, i % 3 == 0 ? 't' : 'T', "function_" + number, false};
      if (i % 100 == 50) entry.name = "_RNv" + std::string(140, 'x') + number;
      if (i % 50 == 20) entry.name = "__do_sys_twice";
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace ringside::testing
