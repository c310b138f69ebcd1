// SPDX-License-Identifier: Apache-2.0
// An endpoint that is understood is written so that it is understood the same again.

#include "base/io/endpoint.h"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ringside::io;
  const auto endpoint = parse_endpoint({reinterpret_cast<const char*>(data), size});
  if (!endpoint) return 0;
  const auto again = parse_endpoint(to_string(*endpoint));
  if (!again || *again != *endpoint) std::abort();
  return 0;
}
