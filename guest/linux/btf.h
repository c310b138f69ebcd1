// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "guest/linux/linux_macro.h"
#include "guest/linux/types.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::guest::linux {

/// BTF, the type information in a kernel's own memory (Documentation/bpf/btf.rst,
/// include/uapi/linux/btf.h). Hostile bytes: every length, id and offset is checked when it is used, chains
/// of types are followed a bounded number of steps. Kinds newer than it knows are skipped where the BTF has a
/// layout section that tells their size; else they end the parse with `problems`, and what stands before them
/// is kept.
class Btf final : public Types {
 public:
  using Id = std::uint32_t;  ///< 0 is void
  enum class Kind : std::uint8_t {
    void_,
    integer,
    pointer,
    array,
    struct_,
    union_,
    enum_,
    forward,
    typedef_,
    volatile_,
    const_,
    restrict_,
    function,
    function_proto,
    variable,
    section,
    floating,
    decl_tag,
    type_tag,
    enum64,
    unknown
  };

  /// Longest `raw` that is taken.
  static constexpr std::size_t kMaxBytes = std::size_t{64} << 20;

  /// `pointer_size`: 4 or 8. Split BTF of a module goes on where `base` ends, in type ids and in strings.
  /// `malformed` for a bad header; a bad type section gives what stands before the damage.
  static Result<std::shared_ptr<const Btf>> parse(Bytes raw, unsigned pointer_size,
                                                  std::shared_ptr<const Btf> base = nullptr);

  Result<Field> field(std::string_view type, std::string_view path) const override;
  Result<std::uint64_t> size_of(std::string_view type) const override;
  Result<std::int64_t> enumerator(std::string_view enum_name, std::string_view name) const override;

  /// First id and one past the last id of this (split) BTF's own types.
  Id first_id() const { return first_id_; }
  Id end_id() const { return first_id_ + static_cast<Id>(places_.size()); }
  Kind kind(Id id) const;
  std::string_view name(Id id) const;  ///< empty: anonymous
  Result<std::uint64_t> size_of(Id id) const;
  /// "struct list_head *", "char[16]", "unsigned int": the type as C writes it, bounded.
  std::string spelled(Id id) const;
  std::optional<Id> find(Kind kind, std::string_view name) const;
  /// What a typedef, pointer, qualifier, function or variable is of; 0 for other kinds.
  Id refers_to(Id id) const;

  struct Member {
    std::string path;  ///< dotted; members of anonymous structs and unions appear as their own
    Field field;
    Id type = 0;
  };
  /// A member of a struct or union by its path, as field() takes it.
  Result<Member> member(Id id, std::string_view path) const;
  /// Members of a struct or union in order. `depth` 1 lists its own only (through anonymous ones), more goes
  /// into nested structs.
  std::vector<Member> members(Id id, unsigned depth = 1) const;
  struct Enumerator {
    std::string_view name;
    std::int64_t value = 0;
  };
  std::vector<Enumerator> enumerators(Id id) const;

  /// What could not be parsed; empty: all of it was.
  const std::vector<Error>& problems() const { return problems_; }
  const Bytes& raw() const { return raw_; }
  /// Where the strings of a split BTF over this one begin.
  std::uint32_t strings_size() const { return first_string_ + static_cast<std::uint32_t>(strings_size_); }

 private:
  /// A type as its bytes say, checked only to lie inside the section. `tail`: what follows struct btf_type.
  struct Record {
    Kind kind = Kind::unknown;
    bool flag = false;  ///< kind_flag
    std::uint32_t count = 0, name = 0, size_or_type = 0;
    ByteView tail;

    std::uint32_t word(std::size_t index) const {
      return load_le<std::uint32_t>(tail, index * sizeof(std::uint32_t)).value_or(0);
    }
    bool aggregate() const { return kind == Kind::struct_ || kind == Kind::union_; }
  };
  /// A member as its struct says.
  struct RawMember {
    std::uint32_t name = 0;
    Id type = 0;
    std::uint32_t bits = 0;      ///< from the start of the struct
    std::uint32_t bit_size = 0;  ///< of a bit field; 0: none, or it is the integer type that says so
  };
  struct Found {
    Id type = 0;
    Field field;  ///< seen from the outermost struct
  };
  struct Collector;

  Btf(Bytes raw, unsigned pointer_size, std::shared_ptr<const Btf> base);
  // btf_parse.cpp
  Result<void> read_header();
  void read_types();
  void index_names();
  std::size_t bucket_of(std::string_view name) const;
  std::optional<std::size_t> size_in_section(std::uint32_t kind, std::uint32_t count) const;
  // btf.cpp
  Record record(Id id) const;
  std::string_view string(std::uint32_t offset) const;
  std::optional<Id> strip(Id id) const;
  Result<Field> describe(Id id) const;
  Result<Id> named(std::string_view type) const;
  // btf_members.cpp
  Result<Field> field_of(const RawMember& member, std::uint64_t struct_size) const;
  static RawMember raw_member(const Record& record, std::uint32_t index);
  void collect(Id id, const std::string& prefix, std::uint64_t offset, unsigned depth, unsigned level,
               Collector& into) const;
  // btf_enums.cpp
  bool is_signed_enum(const Record& record) const;
  Enumerator enumerator_at(const Record& record, std::uint32_t index, bool is_signed) const;
  std::optional<std::int64_t> value_in(Id id, std::string_view name) const;
  // btf_spelling.cpp
  std::string spelled(Id id, unsigned nesting, unsigned& budget) const;
  std::string parameters(Id id, unsigned nesting, unsigned& budget) const;
  // btf_path.cpp
  Result<std::optional<Found>> find_member(Id id, std::string_view name, std::uint64_t offset, unsigned level,
                                           unsigned& budget) const;
  Result<void> subscript(std::string_view digits, Id& type, Field& field) const;

  Bytes raw_;
  unsigned pointer_size_;
  std::shared_ptr<const Btf> base_;
  Id first_id_ = 1;
  std::uint32_t first_string_ = 0;  ///< offset that the first byte of this string section goes by
  std::size_t types_at_ = 0, types_size_ = 0, strings_at_ = 0, strings_size_ = 0, layouts_at_ = 0,
              layouts_ = 0;
  std::vector<std::uint32_t> places_;  ///< of each own type in the type section
  std::vector<Id> indexed_;            ///< own types that are looked up by name
  /// Those by the hash of their name, chained in order of ids: index into indexed_ + 1, 0 ends a chain.
  std::vector<std::uint32_t> buckets_, next_;
  std::vector<Id> enums_;
  bool flagged_enums_ = false;  ///< enums tell by kind_flag whether they are signed (6.0 and newer)
  std::vector<Error> problems_;
};

}  // namespace ringside::guest::linux
