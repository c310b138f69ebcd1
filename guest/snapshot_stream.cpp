// SPDX-License-Identifier: Apache-2.0
#include "guest/snapshot_stream.h"

#include <openssl/evp.h>
#include <zstd.h>

#include <new>
#include <string>
#include <utility>

namespace ringside::guest {

namespace {

constexpr int kLevel = 3;  // zstd's default: about 400 MB/s
constexpr int kSmallLevel = 19;
constexpr int kMaxWindowLog = 23;  // 8 MiB; bounds a hostile frame's memory

tl::unexpected<Error> broken(const std::string& why) {
  return fail(Errc::malformed, "the snapshot's compressed data is broken: " + why);
}

}  // namespace

struct Compressor::Context {
  std::unique_ptr<ZSTD_CCtx, std::size_t (*)(ZSTD_CCtx*)> zstd{ZSTD_createCCtx(), ZSTD_freeCCtx};
  Bytes out = Bytes(ZSTD_CStreamOutSize());
};

Compressor::Compressor(Sink sink, Compression compression)
    : context_(std::make_unique<Context>()), sink_(std::move(sink)) {
  if (!context_->zstd) throw std::bad_alloc();
  const bool small = compression == Compression::small;
  ZSTD_CCtx_setParameter(context_->zstd.get(), ZSTD_c_compressionLevel, small ? kSmallLevel : kLevel);
  if (small) ZSTD_CCtx_setParameter(context_->zstd.get(), ZSTD_c_windowLog, kMaxWindowLog);
}

Compressor::~Compressor() = default;

Result<void> Compressor::run(ByteView bytes, bool end) {
  ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
  for (;;) {
    ZSTD_outBuffer out{context_->out.data(), context_->out.size(), 0};
    const std::size_t left =
        ZSTD_compressStream2(context_->zstd.get(), &out, &in, end ? ZSTD_e_end : ZSTD_e_continue);
    if (ZSTD_isError(left)) return fail(Errc::io, std::string("cannot compress: ") + ZSTD_getErrorName(left));
    if (out.pos > 0) RINGSIDE_CHECK(sink_(ByteView(context_->out).first(out.pos)));
    if (end ? left == 0 : in.pos == in.size) return {};
  }
}

Result<void> Compressor::add(ByteView bytes) {
  return run(bytes, false);
}
Result<void> Compressor::finish() {
  return run({}, true);
}

struct Decompressor::Context {
  std::unique_ptr<ZSTD_DCtx, std::size_t (*)(ZSTD_DCtx*)> zstd{ZSTD_createDCtx(), ZSTD_freeDCtx};
  ZSTD_inBuffer in{};
  bool ended = false;
};

Decompressor::Decompressor(ByteView frame) : context_(std::make_unique<Context>()) {
  if (!context_->zstd) throw std::bad_alloc();
  ZSTD_DCtx_setParameter(context_->zstd.get(), ZSTD_d_windowLogMax, kMaxWindowLog);
  context_->in = {frame.data(), frame.size(), 0};
}

Decompressor::~Decompressor() = default;

Result<void> Decompressor::read(std::span<std::byte> into) {
  ZSTD_outBuffer out{into.data(), into.size(), 0};
  while (out.pos < out.size) {
    if (context_->ended) return broken("it ends too early");
    const std::size_t out_before = out.pos, in_before = context_->in.pos;
    const std::size_t left = ZSTD_decompressStream(context_->zstd.get(), &out, &context_->in);
    if (ZSTD_isError(left)) return broken(ZSTD_getErrorName(left));
    context_->ended = left == 0;
    if (!context_->ended && out.pos == out_before && context_->in.pos == in_before)
      return broken("it is cut short");
  }
  return {};
}

Result<void> Decompressor::expect_end() {
  // The end of the frame may still be unread: a full output buffer stops zstd before it.
  std::byte spare{};
  while (!context_->ended) {
    ZSTD_outBuffer out{&spare, 1, 0};
    const std::size_t in_before = context_->in.pos;
    const std::size_t left = ZSTD_decompressStream(context_->zstd.get(), &out, &context_->in);
    if (ZSTD_isError(left)) return broken(ZSTD_getErrorName(left));
    if (out.pos != 0) return broken("it holds more than it should");
    context_->ended = left == 0;
    if (!context_->ended && context_->in.pos == in_before) return broken("it is cut short");
  }
  if (context_->in.pos != context_->in.size) return broken("something follows it");
  return {};
}

struct Sha256::Context {
  std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> evp{EVP_MD_CTX_new(), EVP_MD_CTX_free};
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {
  if (!context_->evp || EVP_DigestInit_ex(context_->evp.get(), EVP_sha256(), nullptr) != 1)
    throw std::bad_alloc();
}

Sha256::~Sha256() = default;

void Sha256::add(ByteView bytes) {
  EVP_DigestUpdate(context_->evp.get(), bytes.data(), bytes.size());
}

Sha256Digest Sha256::finish() {
  Sha256Digest digest{};
  EVP_DigestFinal_ex(context_->evp.get(), reinterpret_cast<unsigned char*>(digest.data()), nullptr);
  return digest;
}

}  // namespace ringside::guest
