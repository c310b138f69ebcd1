// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "guest/linux/kernel.h"
#include "guest/linux/types.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ringside::guest::linux {

/// Layouts of a kernel without type information (i386), worked out from what its memory holds: the members
/// that were found beyond doubt, and those of small structs that have been the same in all releases. What is
/// not there is `unavailable`, by name: it is not known whether the kernel has such a member.
class RecoveredTypes final : public Types {
 public:
  Result<Field> field(std::string_view type, std::string_view path) const override;
  Result<std::uint64_t> size_of(std::string_view type) const override;
  Result<std::int64_t> enumerator(std::string_view enum_name, std::string_view name) const override;

  /// `inner`: the struct that the member is, so that paths through it can be found.
  void add(std::string_view type, std::string_view member, Field field, std::string_view inner = {});
  void add_size(std::string_view type, std::uint64_t bytes);
  void add_enumerator(std::string_view enum_name, std::string_view name, std::int64_t value);
  /// Why a group of members is not there ("task_struct.cred: no member points to init_user_ns' owner").
  void missing(std::string what) { missing_.push_back(std::move(what)); }
  const std::vector<std::string>& missing() const { return missing_; }

  /// Members as "task_struct.pid", in order of names.
  std::vector<std::pair<std::string, Field>> members() const;

 private:
  struct Member {
    Field field;
    std::string inner;
  };
  using Key = std::pair<std::string, std::string>;

  /// A member that was added, or an element of one.
  std::optional<Member> find(std::string_view type, std::string_view path) const;

  std::map<Key, Member> members_;
  std::map<std::string, std::uint64_t, std::less<>> sizes_;
  std::map<Key, std::int64_t> enumerators_;
  std::vector<std::string> missing_;
};

/// Works the layouts of a 32-bit kernel out, some 100 members of tasks, credentials, modules, memory maps and
/// files. Each must be the only place that fits what holds for all objects looked at (the first 64 tasks, all
/// modules). Errors: `unsupported` for a kernel of 64 bits; `unavailable` if init_task or the list of tasks
/// cannot be made out. The rest fails by itself: see missing().
Result<std::shared_ptr<const RecoveredTypes>> recover_types(Kernel& kernel);

}  // namespace ringside::guest::linux
