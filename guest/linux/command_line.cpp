// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/command_line.h"

#include "guest/linux/code_references.h"

#include <algorithm>

namespace ringside::guest::linux {

namespace {

// COMMAND_LINE_SIZE of x86 is 2048; a boot configuration file may put more in front (CONFIG_BOOT_CONFIG).
constexpr std::size_t kMaxBytes = 4096;

}  // namespace

Result<std::string> command_line(Kernel& kernel) {
  if (const auto variable = kernel.find_symbol("saved_command_line")) {
    RINGSIDE_TRY(const Gva text, kernel.read_pointer(*variable));
    return kernel.read_string(text, kMaxBytes);
  }
  // A kernel that names no data: the function that shows it refers to one variable only.
  if (kernel.pointer_size() == 4)
    for (const Gva candidate : code_references(kernel, {"cmdline_proc_show"})) {
      const auto text = kernel.read_pointer(candidate);
      if (!text || *text < x86::kernel_half(kernel.identity().root.mode)) continue;
      const auto line = kernel.read_string(*text, kMaxBytes);
      const auto printable = [](char c) { return c >= ' ' && c <= '~'; };
      if (line && !line->empty() && std::all_of(line->begin(), line->end(), printable)) return *line;
    }
  return fail(Errc::not_found, "this kernel does not tell where its command line is");
}

}  // namespace ringside::guest::linux
