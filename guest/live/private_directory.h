// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "base/io/endpoint.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ringside::guest::live {

/// A fresh directory of mode 0700 that only we and QEMU's user can reach, for a socket or file that QEMU
/// makes. Removed, with the plain files and sockets in it, when this object ends.
class PrivateDirectory {
 public:
  /// Makes `base`/ringside-XXXXXX. Where QEMU runs as another user, that user is let in: by owning the
  /// directory if we are root, else by an access-control list.
  static Result<PrivateDirectory> create(const std::string& base, std::optional<io::PeerCredentials> qemu);
  ~PrivateDirectory();
  PrivateDirectory(PrivateDirectory&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  PrivateDirectory& operator=(PrivateDirectory&& other) noexcept {
    std::swap(path_, other.path_);
    return *this;
  }
  const std::string& path() const { return path_; }

 private:
  explicit PrivateDirectory(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

/// Removes the private directory that `file` stands in, if it is one of ours by its name and owner-only mode.
void remove_private_directory_of(const std::string& file);

/// Where to try private directories, best first: the service's runtime directory, /tmp, beside QEMU's own
/// socket (the one place that both sides are known to see). Paths that QEMU's option syntax could misread are
/// left out.
std::vector<std::string> private_directory_bases(const io::Endpoint& endpoint);

}  // namespace ringside::guest::live
