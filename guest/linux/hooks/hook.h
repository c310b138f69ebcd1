// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/linux/listing.h"
#include "guest/linux/object_reader.h"

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::guest::linux {

/// A pointer by which the kernel decides what code to run, as it stands in one of its objects.
struct Hook {
  enum class Kind : std::uint8_t {
    function,  ///< it is called
    table      ///< it leads to a table of functions
  };
  std::string
      group;  ///< the kernel's name of the list, array or type that holds the object: "module_notify_list"
  std::string name;  ///< the object's own name; empty: it has none
  std::string slot;  ///< the member that is the pointer: "notifier_call"
  Kind kind = Kind::function;
  std::optional<std::int64_t> number;  ///< an index, a priority: what the table of that subject says
  std::optional<std::uint32_t> netns;  ///< of what belongs to a network namespace
  Gva object{0};                       ///< what holds the pointer
  Gva place{0};                        ///< where the pointer stands
  Gva target{0};                       ///< what it holds; never 0: what is not set is not listed
};
using Hooks = Listing<Hook>;
std::string_view to_string(Hook::Kind kind);

/// Most pointers that one listing holds.
inline constexpr std::size_t kMaxHooks = std::size_t{1} << 20;

/// The pointers of one type of object.
class HookReader {
 public:
  enum class Members {
    none,      ///< what is added
    functions  ///< every pointer to a function that the type holds
  };
  /// `problem()` says if the layout of the type is not known.
  HookReader(Kernel& kernel, std::string_view type, Members members = Members::none);

  /// Adds a pointer: the first of `paths` that this kernel has; none if it has none of them. `slot`: what the
  /// row calls it.
  void add(std::string_view slot, std::initializer_list<std::string_view> paths,
           Hook::Kind kind = Hook::Kind::function);
  /// Members beside the pointers: the object's name, numbers, links.
  ObjectReader& object() { return object_; }
  const ObjectReader& object() const { return object_; }

  /// Why nothing can be read of such objects; nullopt: it can.
  std::optional<Error> problem() const;

  /// Reads the object at `at`; members of object() can be asked for then.
  Result<void> read(Gva at);
  /// Appends each pointer of the object that was read last and is set, as `like` with its own slot, place and
  /// target.
  void append(Hook like, Hooks& into) const;

 private:
  struct Slot {
    std::string name;
    Hook::Kind kind = Hook::Kind::function;
    std::uint32_t offset = 0;
    ObjectReader::Member member = ObjectReader::kNone;
  };
  void add_functions();

  Kernel& kernel_;
  std::string type_;
  ObjectReader object_;
  std::vector<Slot> slots_;
  std::optional<Error> problem_;
  Gva at_{0};
};

/// Why this kernel's hooks cannot be looked for: it tells no types. One reason for all of a subject.
Result<void> require_types(Kernel& kernel);

/// Visits the objects of type `type` that the circular list at `head` links by their member `link`, at most
/// `max`. Problems go to `into` with `what` before them.
void each_in_list(Kernel& kernel, Gva head, std::string_view type, std::string_view link,
                  std::string_view what, Hooks& into, const std::function<void(Gva)>& visit,
                  std::uint64_t max = 1u << 16);

/// The text that a pointer leads to; empty for NULL and for what cannot be read.
std::string text_at(Kernel& kernel, std::optional<Gva> at, std::size_t most = 64);

/// How many elements of `element` bytes an array of that name may have: as many as fit before the next
/// symbol, at most `most`.
std::uint64_t array_length(Kernel& kernel, Gva array, std::uint64_t element, std::uint64_t most);

}  // namespace ringside::guest::linux
