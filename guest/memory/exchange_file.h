// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

namespace ringside::guest::memory {

/// A fresh file that QEMU writes and we read. It is removed when this ends, whatever happened.
class ExchangeFile {
 public:
  /// In `directory`, under a name that cannot be guessed. Who may write to it follows from who may enter the
  /// directory, because QEMU may run as another user; nobody else may read it.
  static Result<ExchangeFile> create(const std::string& directory);
  ExchangeFile(ExchangeFile&& other) noexcept;
  ExchangeFile& operator=(ExchangeFile&&) = delete;
  ~ExchangeFile();

  const std::string& path() const { return path_; }
  /// Empties it before the next writing, so that what it holds afterwards is new.
  Result<void> clear();
  /// All of `into`, `io` unless the file is exactly `expected` bytes long.
  Result<void> read(std::uint64_t offset, std::span<std::byte> into, std::uint64_t expected) const;

 private:
  ExchangeFile(std::string path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}
  std::string path_;
  int descriptor_ = -1;
};

}  // namespace ringside::guest::memory
