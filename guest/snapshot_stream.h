// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "base/error.h"

#include <array>
#include <functional>
#include <memory>
#include <span>

namespace ringside::guest {

enum class Compression {
  fast,   ///< as fast as memory can be read
  small,  ///< ten times slower, a quarter smaller: for files that are kept
};

/// Compresses what it is given into one zstd frame, piece by piece, and hands on what comes out.
class Compressor {
 public:
  using Sink = std::function<Result<void>(ByteView)>;
  explicit Compressor(Sink sink, Compression compression = Compression::fast);
  ~Compressor();
  Compressor(const Compressor&) = delete;
  Result<void> add(ByteView bytes);
  Result<void> finish();

 private:
  Result<void> run(ByteView bytes, bool end);
  struct Context;
  std::unique_ptr<Context> context_;
  Sink sink_;
};

/// Decompresses one zstd frame, as many bytes as are asked for: what a frame claims to hold costs nothing.
class Decompressor {
 public:
  explicit Decompressor(ByteView frame);
  ~Decompressor();
  Decompressor(const Decompressor&) = delete;
  /// All of `into`; `malformed` if the frame is broken or ends before.
  Result<void> read(std::span<std::byte> into);
  /// `malformed` unless the frame ends here, and the bytes with it.
  Result<void> expect_end();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

using Sha256Digest = std::array<std::byte, 32>;

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  void add(ByteView bytes);
  Sha256Digest finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

}  // namespace ringside::guest
