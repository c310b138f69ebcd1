// SPDX-License-Identifier: Apache-2.0
// What the libvirt hook's socket receives: a message that is taken holds only what may be shown and looked
// up.

#include "agent/sources/hook_message.h"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ringside::agent;
  const auto message = parse_hook_message({reinterpret_cast<const char*>(data), size});
  if (!message) return 0;
  if (!is_uuid(message->uuid) || message->name.empty() || message->name.find('/') != std::string::npos)
    std::abort();
  return 0;
}
