// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/btf.h"

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::testing {

/// Writes BTF (include/uapi/linux/btf.h). Each function adds one type and returns its id.
class BtfWriter {
 public:
  using Id = std::uint32_t;
  using Kind = guest::linux::Btf::Kind;
  struct Member {
    std::string_view name;
    Id type;
    std::uint32_t bits;          ///< from the start of the struct
    std::uint32_t bit_size = 0;  ///< of a bit field by kind_flag
  };
  struct Enumerator {
    std::string_view name;
    std::int64_t value;
  };

  /// `first_id`, `first_string`: where the base ends, for split BTF.
  explicit BtfWriter(Id first_id = 1, std::uint32_t first_string = 0)
      : next_(first_id), first_string_(first_string) {
    strings_.push_back('\0');
  }

  Id integer(std::string_view name, std::uint32_t size, bool is_signed = false) {
    return odd_integer(name, size, size * 8, 0, is_signed);
  }
  /// The encoding of bit fields before kind_flag.
  Id odd_integer(std::string_view name, std::uint32_t size, std::uint32_t bits, std::uint32_t above,
                 bool is_signed = false) {
    type(name, Kind::integer, 0, false, size);
    word((is_signed ? 1u << 24 : 0u) | above << 16 | bits);
    return next_++;
  }
  Id pointer(Id to) { return plain("", Kind::pointer, to); }
  Id typedef_(std::string_view name, Id of) { return plain(name, Kind::typedef_, of); }
  /// const, volatile, restrict, type tag, forward, function, ...: kinds with nothing behind struct btf_type.
  Id plain(std::string_view name, Kind kind, std::uint32_t size_or_type, bool flag = false,
           std::uint32_t count = 0) {
    type(name, kind, count, flag, size_or_type);
    return next_++;
  }
  Id array(Id of, std::uint32_t elements) {
    type("", Kind::array, 0, false, 0);
    word(of);
    word(1);
    word(elements);
    return next_++;
  }
  Id struct_(std::string_view name, std::uint32_t size, const std::vector<Member>& members,
             bool flag = false) {
    return aggregate(Kind::struct_, name, size, members, flag);
  }
  Id union_(std::string_view name, std::uint32_t size, const std::vector<Member>& members,
            bool flag = false) {
    return aggregate(Kind::union_, name, size, members, flag);
  }
  Id enum_(std::string_view name, const std::vector<Enumerator>& values, bool flag = false,
           std::uint32_t size = 4) {
    type(name, Kind::enum_, static_cast<std::uint32_t>(values.size()), flag, size);
    for (const auto& value : values) {
      word(text(value.name));
      word(static_cast<std::uint32_t>(value.value));
    }
    return next_++;
  }
  Id enum64(std::string_view name, const std::vector<Enumerator>& values, bool flag = false) {
    type(name, Kind::enum64, static_cast<std::uint32_t>(values.size()), flag, 8);
    for (const auto& value : values) {
      word(text(value.name));
      word(static_cast<std::uint32_t>(value.value));
      word(static_cast<std::uint32_t>(static_cast<std::uint64_t>(value.value) >> 32));
    }
    return next_++;
  }
  Id function_proto(Id returns, const std::vector<Id>& parameters) {
    type("", Kind::function_proto, static_cast<std::uint32_t>(parameters.size()), false, returns);
    for (const Id parameter : parameters) {
      word(0);
      word(parameter);
    }
    return next_++;
  }
  /// A type of any kind number with `tail` words behind it.
  Id raw(std::uint32_t kind, std::uint32_t count, std::initializer_list<std::uint32_t> tail) {
    word(0);
    word(kind << 24 | count);
    word(0);
    for (const auto each : tail) word(each);
    return next_++;
  }

  Id next() const { return next_; }  ///< the id that the next type gets
  std::uint32_t strings_size() const { return static_cast<std::uint32_t>(strings_.size()); }
  /// `layouts`: (info_sz, elem_sz) of each kind from 0 on; none: a header of 24 bytes without that section.
  Bytes finish(const std::vector<std::pair<std::uint8_t, std::uint8_t>>& layouts = {}) const {
    std::vector<std::uint32_t> out;
    const auto types = static_cast<std::uint32_t>(words_.size() * 4);
    const std::uint32_t layout_size = static_cast<std::uint32_t>(layouts.size() * 4);
    out = {0x0001eb9f, layouts.empty() ? 24u : 32u, 0, types, types + layout_size, strings_size()};
    if (!layouts.empty()) out.insert(out.end(), {types, layout_size});
    out.insert(out.end(), words_.begin(), words_.end());
    for (const auto& [once, each] : layouts) out.push_back(once | std::uint32_t{each} << 8);
    Bytes bytes;
    const auto append = [&](ByteView more) { bytes.insert(bytes.end(), more.begin(), more.end()); };
    append(std::as_bytes(std::span(out)));
    append(as_bytes(strings_));
    return bytes;
  }

 private:
  void word(std::uint32_t value) { words_.push_back(value); }
  std::uint32_t text(std::string_view value) {
    if (value.empty()) return 0;
    const auto at = first_string_ + strings_size();
    strings_ += value;
    strings_.push_back('\0');
    return at;
  }
  void type(std::string_view name, Kind kind, std::uint32_t count, bool flag, std::uint32_t size_or_type) {
    word(text(name));
    word((flag ? 1u << 31 : 0u) | static_cast<std::uint32_t>(kind) << 24 | count);
    word(size_or_type);
  }
  Id aggregate(Kind kind, std::string_view name, std::uint32_t size, const std::vector<Member>& members,
               bool flag) {
    type(name, kind, static_cast<std::uint32_t>(members.size()), flag, size);
    for (const auto& member : members) {
      word(text(member.name));
      word(member.type);
      word(flag ? member.bit_size << 24 | member.bits : member.bits);
    }
    return next_++;
  }

  Id next_;
  std::uint32_t first_string_;
  std::vector<std::uint32_t> words_;
  std::string strings_;
};

}  // namespace ringside::testing
