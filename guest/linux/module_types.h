// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/linux/listing.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace ringside::guest::linux {

/// Type information that a loaded module brought along, as the kernel keeps it (struct btf).
struct ModuleBtf {
  std::string module;
  Gva data;                        ///< the BTF itself
  std::uint32_t size = 0;          ///< its bytes
  std::uint32_t first_id = 0;      ///< of its own types: one past the last of the kernel image's
  std::uint32_t first_string = 0;  ///< offset that its strings begin at
};

/// Most modules that are looked at, and most bytes of one module's types.
inline constexpr std::uint64_t kMaxBtfModules = 4096;
inline constexpr std::size_t kMaxModuleBtf = std::size_t{16} << 20;

/// The modules that have type information of their own, the last loaded first. From 6.1 on; `unavailable`
/// before, where modules have none (kernel/bpf/btf.c, btf_modules; struct module.btf_data is NULL after
/// loading).
Result<Listing<ModuleBtf>> module_btfs(Kernel& kernel);

/// The types of one of them, over those of the kernel image; kept with the kernel. `mismatch`: they go on
/// from other types than the image's.
Result<std::shared_ptr<const Btf>> module_btf(Kernel& kernel, const ModuleBtf& module);

/// The same by the module's name. `not_found`: the module has none, or is not loaded.
Result<std::shared_ptr<const Btf>> module_btf(Kernel& kernel, std::string_view module);

}  // namespace ringside::guest::linux
