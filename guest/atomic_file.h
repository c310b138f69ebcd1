// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "base/error.h"

#include <string>

namespace ringside::guest {

/// A file that appears under its name whole or not at all: written beside, synced, renamed. Only its owner
/// may read it: it holds guest memory.
class AtomicFile {
 public:
  static Result<AtomicFile> create(const std::string& path);
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  ~AtomicFile();  ///< without commit(): leaves nothing
  Result<void> write(ByteView bytes);
  /// `durable`: the file lasts even if the machine goes down right now. What can be made again need not.
  Result<void> commit(bool durable = true);

 private:
  AtomicFile(std::string path, std::string beside, int descriptor);
  Error failure(const char* what) const;
  std::string path_, beside_;
  int descriptor_;
};

}  // namespace ringside::guest
