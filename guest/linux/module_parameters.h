// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/modules.h"
#include "guest/linux/object_reader.h"
#include "guest/linux/parameter_value.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace ringside::guest::linux {

/// One struct kernel_param (include/linux/moduleparam.h).
struct ModuleParameter {
  std::string module;             ///< that it belongs to; of a built-in one "kernel" if it names none
  std::string name;               ///< without the module's
  std::uint32_t permissions = 0;  ///< of its file in /sys/module/MODULE/parameters; 0: it has none
  std::optional<std::string>
      type;        ///< "int", "charp", "bool", "int[]", ...; nullopt: a kind of the module's own
  Gva operations;  ///< struct kernel_param_ops: who gives and takes the value
  std::optional<std::string>
      value;  ///< as its file shows it; nullopt: of a kind of its own, or not to be had
};

/// Reads the parameters of modules. Layouts are resolved once.
class ParameterReader {
 public:
  explicit ParameterReader(Kernel& kernel);

  /// Why nothing can be read from this kernel; nullopt: it can.
  const std::optional<Error>& unusable() const { return unusable_; }
  /// Those of one module. Its regions (ModuleParts::layout) tell whether a parameter without a file is still
  /// in memory: one that belongs to the module's init part is not. What could not be read is told to
  /// `problem`.
  std::vector<ModuleParameter> read(const Module& module, const std::function<void(Error)>& problem);
  /// Those of what is built into the kernel, which /sys/module shows as modules too.
  std::vector<ModuleParameter> built_in(const std::function<void(Error)>& problem);

  /// Most parameters that one reader gives, of all modules together.
  static constexpr std::uint64_t kMaxParameters = 1u << 16;
  /// Longest name that is given.
  static constexpr std::size_t kMaxName = 256;

 private:
  Result<void> resolve();
  /// The `count` parameters at `first`. `gone` tells whether an address is in memory that was given back.
  std::vector<ModuleParameter> read_all(Gva first, std::uint64_t count, const std::function<bool(Gva)>& gone,
                                        const std::function<void(const Error&)>& failed);
  Result<ModuleParameter> read_one(Gva at, const std::function<bool(Gva)>& gone);

  Kernel& kernel_;
  ParameterValues values_;
  ObjectReader parameter_;
  ObjectReader::Member name_ = ObjectReader::kNone, operations_ = ObjectReader::kNone,
                       permissions_ = ObjectReader::kNone, argument_ = ObjectReader::kNone;
  std::uint64_t stride_ = 0;
  std::uint64_t left_ = kMaxParameters;
  Field list_, count_;  ///< module.kp, module.num_kp
  std::optional<Error> unusable_;
};

}  // namespace ringside::guest::linux
