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
#include <unordered_map>
#include <vector>

namespace ringside::guest::linux {

/// BTF, the type information in a kernel's own memory (Documentation/bpf/btf.rst,
/// include/uapi/linux/btf.h). Hostile bytes: every length, id and offset is checked when it is used, chains
/// of types are followed a bounded number of steps. Kinds newer than it knows end the parse with `problems`:
/// what stands before them is kept, since their size is not known.
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
  Id first_id() const;
  Id end_id() const;
  Kind kind(Id id) const;
  std::string_view name(Id id) const;  ///< empty: anonymous
  Result<std::uint64_t> size_of(Id id) const;
  /// "struct list_head *", "char[16]", "unsigned int": the type as C writes it, bounded.
  std::string spelled(Id id) const;
  std::optional<Id> find(Kind kind, std::string_view name) const;

  struct Member {
    std::string path;  ///< dotted; members of anonymous structs and unions appear as their own
    Field field;
    Id type = 0;
  };
  /// Members of a struct or union in order. `depth` 1 lists its own only (through anonymous ones), more goes
  /// into nested structs.
  std::vector<Member> members(Id id, unsigned depth = 1) const;
  struct Enumerator {
    std::string_view name;
    std::int64_t value = 0;
  };
  std::vector<Enumerator> enumerators(Id id) const;

  /// What could not be parsed; empty: all of it was.
  const std::vector<Error>& problems() const;
  const Bytes& raw() const;
};

}  // namespace ringside::guest::linux
