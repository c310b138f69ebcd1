// SPDX-License-Identifier: Apache-2.0
// Target descriptions. The input is one or more files, separated by zero bytes: target.xml and what it
// includes.

#include "gdbstub/target_description.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::string> files(1);
  for (std::size_t i = 0; i < size; ++i) {
    if (data[i] == 0)
      files.emplace_back();
    else
      files.back() += static_cast<char>(data[i]);
  }
  std::size_t fetched = 0;
  const auto layout = ringside::gdbstub::parse_target_description(
      files.front(), [&](const std::string&) -> ringside::Result<std::string> {
        if (++fetched > 32) std::abort();  // the bound on includes
        return files[fetched % files.size()];
      });
  if (!layout) return 0;
  std::size_t end = 0;
  for (const auto& reg : layout->registers()) {
    if (reg.offset != end || reg.size == 0 || layout->find(reg.name) != &reg) std::abort();
    end += reg.size;
  }
  if (end != layout->size()) std::abort();
  return 0;
}
