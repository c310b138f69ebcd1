// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"

#include <cstdint>
#include <memory>
#include <string>

namespace ringside::lab {

/// A file system of a few MiB at a folder, that can be filled up. Only this thread and the programs that it
/// starts from now on see it: it is in a mount namespace of its own, and goes with it.
class TinyDisk {
 public:
  /// `unavailable`: not root, or no mount namespaces here.
  static Result<std::unique_ptr<TinyDisk>> mount(const std::string& folder, std::uint64_t bytes);
  ~TinyDisk();
  TinyDisk(const TinyDisk&) = delete;
  TinyDisk& operator=(const TinyDisk&) = delete;

  /// To the last byte.
  Result<void> fill();
  void make_room();

 private:
  explicit TinyDisk(std::string folder) : folder_(std::move(folder)) {}
  std::string filler() const { return folder_ + "/filler"; }
  std::string folder_;
};

}  // namespace ringside::lab
