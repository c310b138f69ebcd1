// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::guest::linux {

/// Chosen members of kernel objects of one type. The layout is asked for once; then each object costs few
/// reads, since members that stand side by side come in one. Nothing but what was chosen is read: a verdict
/// must not depend on members that nobody looked at.
class ObjectReader {
 public:
  using Member = std::size_t;
  /// A member that was not chosen: reads as unknown.
  static constexpr Member kNone = ~std::size_t{0};
  /// Whether a kernel may lack the member (another configuration or release) without anything being amiss.
  enum class Presence { required, optional };
  /// Most bytes of a member: layouts come from the guest.
  static constexpr std::uint32_t kMaxMemberBytes = 256;

  ObjectReader(Kernel& kernel, std::string_view type) : kernel_(&kernel), type_(type) {}

  /// Chooses a member: the first of `paths` that this kernel has. One that it has not reads as unknown, and
  /// is named in missing() unless its absence is normal.
  Member add(std::initializer_list<std::string_view> paths, Presence presence = Presence::required);
  Member add(std::string_view path, Presence presence = Presence::required) { return add({path}, presence); }

  bool has(Member member) const { return member < fields_.size() && fields_[member].has_value(); }
  /// What could not be chosen, each reason once.
  const std::vector<Error>& missing() const { return missing_; }

  /// Reads the chosen members of the object at `object`; those of the one before are gone. Errors as
  /// AddressSpace::read; nothing is known of the object then.
  Result<void> read(Gva object);

  // Of the object that was read last; nullopt: this kernel's layout does not tell.
  std::optional<std::uint64_t> integer(Member member) const;  ///< zero- or sign-extended by its type
  std::optional<std::uint32_t> u32(Member member) const;      ///< its low 32 bits
  std::optional<Gva> pointer(Member member) const;
  std::optional<std::string> text(Member member) const;  ///< a char array up to its first NUL
  std::optional<ByteView> bytes(Member member) const;    ///< until the next read()

 private:
  struct Run {
    std::uint32_t offset = 0, size = 0;
    std::size_t place = 0;  ///< in buffer_
  };
  void plan();

  Kernel* kernel_;
  std::string type_;
  std::vector<std::optional<Field>> fields_;
  std::vector<std::size_t> places_;  ///< of each member in buffer_
  std::vector<Run> runs_;
  std::vector<Error> missing_;
  Bytes buffer_;
  bool planned_ = false;
};

}  // namespace ringside::guest::linux
