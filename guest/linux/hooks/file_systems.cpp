// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/files.h"
#include "guest/linux/walkers.h"

#include <unordered_set>

namespace ringside::guest::linux {

namespace {

constexpr std::uint64_t kMaxTypes = 4096;

}  // namespace

Result<Hooks> file_systems(Kernel& kernel) {
  RINGSIDE_CHECK(require_types(kernel));
  Hooks hooks;
  HookReader type(kernel, "file_system_type", HookReader::Members::functions);
  const auto name = type.object().add("name"),
             next = type.object().add("next", ObjectReader::Presence::optional);
  if (type.problem()) return fail(type.problem()->within("file systems"));
  RINGSIDE_TRY(const Gva first, kernel.symbol("file_systems"));
  const auto take = [&](Gva at) {
    if (auto read = type.read(at); !read) {
      hooks.problem(read.error().within("file systems"));
      return false;
    }
    Hook like;
    like.group = "file_systems";
    like.name = text_at(kernel, type.object().pointer(name));
    type.append(std::move(like), hooks);
    return true;
  };
  if (!type.object().has(next)) {  // an hlist from 7.0 on
    RINGSIDE_TRY(const auto link, kernel.offset("file_system_type", "list"));
    const auto walked =
        walk_hlist(kernel, first, kMaxTypes, [&](Gva node) { return take(Gva{node.value - link}); });
    if (!walked) hooks.problem(walked.error().within("file systems"));
    return hooks;
  }
  RINGSIDE_TRY(Gva at, kernel.read_pointer(first));
  std::unordered_set<std::uint64_t> seen;
  while (at.value != 0 && take(at)) {
    if (!seen.insert(at.value).second || seen.size() > kMaxTypes) {
      hooks.problem({Errc::malformed, "the list of file systems has no end"});
      break;
    }
    at = type.object().pointer(next).value_or(Gva{0});
  }
  return hooks;
}

Result<Hooks> binary_formats(Kernel& kernel) {
  RINGSIDE_CHECK(require_types(kernel));
  HookReader format(kernel, "linux_binfmt", HookReader::Members::functions);
  if (format.problem()) return fail(format.problem()->within("binary formats"));
  // Several variables may have that name (fs/exec.c has the one that is meant; drivers have arrays): that
  // which is a list of what can load a program.
  Hooks hooks;
  std::optional<Error> why;
  const auto& symbols = kernel.symbols();
  for (const std::size_t index : symbols.find_all("formats")) {
    const Gva head{symbols.address(index, kernel.slide())};
    Hooks found;
    std::int64_t place = 0;
    each_in_list(
        kernel, head, "linux_binfmt", "lh", "formats", found,
        [&](Gva at) {
          if (auto read = format.read(at); !read) return found.problem(read.error().within("formats"));
          Hook like;
          like.group = "formats";
          like.number = place++;
          format.append(std::move(like), found);
        },
        kMaxTypes);
    if (found.problems.empty() && !found.entries.empty()) return found;
    if (!why && !found.problems.empty()) why = found.problems.front();
  }
  return fail(why ? *why : Error{Errc::not_found, "this kernel has no list `formats` of binary formats"});
}

}  // namespace ringside::guest::linux
