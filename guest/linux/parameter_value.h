// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/linux/object_reader.h"

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace ringside::guest::linux {

/// The values of parameters of the standard kinds, written as the kernel writes them (kernel/params.c, the
/// param_get_ functions). A kind is known by where its struct kernel_param_ops stands.
class ParameterValues {
 public:
  explicit ParameterValues(Kernel& kernel);

  /// "int", "charp", "int[]"; nullopt: a kind of the module's own. `argument` is kernel_param.arg.
  std::optional<std::string> type(Gva operations, Gva argument);
  /// nullopt: a kind of the module's own. Errors as reading does.
  Result<std::optional<std::string>> value(Gva operations, Gva argument);

  /// Longest value that is given: a file of sysfs is no longer.
  static constexpr std::size_t kMaxValue = 4096;
  /// Most elements of an array that are given.
  static constexpr std::uint64_t kMaxElements = 256;

 private:
  enum class Kind : std::uint8_t {
    byte,
    short_,
    ushort,
    int_,
    uint,
    long_,
    ulong,
    ullong,
    hexint,
    charp,
    bool_,
    bool_enable_only,
    invbool,
    bint,
    string,
    array
  };
  static std::string_view name(Kind kind);
  std::optional<Kind> kind(Gva operations) const;
  Result<std::uint64_t> integer(Gva at, unsigned bytes, bool is_signed);
  Result<std::string> text(Gva at);
  Result<std::string> scalar(Kind kind, Gva argument);
  Result<std::optional<std::string>> array(Gva argument);

  Kernel& kernel_;
  std::unordered_map<std::uint64_t, Kind> kinds_;  ///< by address of the ops
  ObjectReader array_, string_;
  ObjectReader::Member max_, element_size_, count_, element_operations_, elements_, text_;
};

}  // namespace ringside::guest::linux
