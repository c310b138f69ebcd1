// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/linux/listing.h"
#include "guest/linux/pages/code_owners.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ringside::guest::linux {

/// Whether pages hold what their owner should have put there.
enum class CodeContent : std::uint8_t { ok, wrong, not_checked };
std::string_view to_string(CodeContent content);

/// Executable pages side by side that have one owner and equal rights.
struct ExecutablePages {
  Gva first;
  std::uint64_t size = 0;       ///< bytes
  Gpa gpa;                      ///< of the first page; the others may lie anywhere
  std::uint64_t page_size = 0;  ///< of each
  bool writable = false;
  std::optional<CodeOwnerKind> owner;  ///< nullopt: nobody that is known
  std::string owner_name;              ///< of the module, program, ...; empty: the kernel itself
  std::optional<std::string> area;     ///< function that asked for the memory; nullopt: not of vmalloc
  CodeContent content = CodeContent::not_checked;
  std::string why;           ///< what is wrong, or why it was not checked
  std::optional<Gva> wrong;  ///< where that is; nullopt: nothing is, or it is not known
};

/// `unavailable` while the kernel boots: before it is done, much of its memory is open that is not later.
Result<void> require_booted(Kernel& kernel);

/// All executable pages of the kernel half. `contents` false leaves contents unchecked, which is cheaper.
/// Problems: what could not be read, which may be why a page has no owner. Errors: `unsupported` where page
/// tables cannot forbid execution (2-level paging), or as require_booted() and KernelMappings::of().
Result<Listing<ExecutablePages>> executable_pages(Kernel& kernel, bool contents);

}  // namespace ringside::guest::linux
