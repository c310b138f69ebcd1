// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "guest/linux/linux_macro.h"

#include <cstddef>

namespace ringside::guest::linux {

/// What `packed` holds, in whichever of gzip, bzip2, LZMA, xz, zstd, LZ4 (the old form that kernels use too)
/// it is packed; bytes that are not packed come back as they are. Errors: `malformed`, and `oversized` if it
/// is more than `most` bytes.
Result<Bytes> decompress(ByteView packed, std::size_t most);

}  // namespace ringside::guest::linux
