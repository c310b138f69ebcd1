// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "guest/linux/types.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::lab {

/// What bpftool says of a BTF, with the layouts worked out from it by code that shares nothing with
/// ringside's.
class BtfOracle {
 public:
  using Id = std::uint32_t;
  struct Member {
    std::string name;
    Id type = 0;
    guest::linux::Field field;
    bool is_enum = false;  ///< whose sign older BTF does not tell
    bool operator==(const Member&) const = default;
  };
  struct Enumerator {
    std::string name;
    std::uint32_t value = 0;  ///< its low 32 bits: bpftool prints the rest by its own lights
    bool operator==(const Enumerator&) const = default;
  };

  /// `base` must outlive it. `unavailable`: there is no bpftool.
  static Result<BtfOracle> of(const std::string& file, const BtfOracle* base = nullptr);

  /// Ids of the structs and unions, and of the enums.
  std::vector<Id> structs() const;
  std::vector<Id> enums() const;
  std::size_t size() const { return types_.size(); }  ///< types, without those of the base
  const std::string& name(Id id) const { return type(id).name; }
  std::uint64_t size_of(Id id) const;
  /// Members of a struct or union, those of anonymous ones as its own.
  std::vector<Member> members(Id id) const;
  std::vector<Enumerator> enumerators(Id id) const;

 private:
  /// A line of bpftool's raw format: [ID] KIND 'NAME' KEY=VALUE..., or 'NAME' KEY=VALUE... for what belongs
  /// to the type above.
  struct Line {
    std::string kind, name;
    std::map<std::string, std::string, std::less<>> values;
    std::uint64_t number(std::string_view key) const;
  };
  struct Type : Line {
    std::vector<Line> parts;
  };
  static Line line_of(std::string_view text);
  const Type& type(Id id) const;
  Id strip(Id id) const;
  void collect(Id id, std::uint64_t offset, std::vector<Member>& into) const;

  std::map<Id, Type> types_;
  const BtfOracle* base_ = nullptr;
  std::string file_;
};

}  // namespace ringside::lab
