// SPDX-License-Identifier: Apache-2.0
#include "guest/atomic_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

namespace ringside::guest {

Result<AtomicFile> AtomicFile::create(const std::string& path) {
  std::string beside = path + ".XXXXXX";
  const int descriptor = ::mkostemp(beside.data(), O_CLOEXEC);  // mode 0600
  if (descriptor < 0) {
    const int error = errno;
    return fail(error == EACCES || error == EPERM || error == EROFS ? Errc::permission : Errc::io,
                "cannot write " + path + ": " + std::strerror(error));
  }
  return AtomicFile(path, std::move(beside), descriptor);
}

AtomicFile::AtomicFile(std::string path, std::string beside, int descriptor)
    : path_(std::move(path)), beside_(std::move(beside)), descriptor_(descriptor) {}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)),
      beside_(std::exchange(other.beside_, {})),
      descriptor_(std::exchange(other.descriptor_, -1)) {}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!beside_.empty()) ::unlink(beside_.c_str());
}

Error AtomicFile::failure(const char* what) const {
  return {Errc::io, std::string("cannot ") + what + " " + path_ + ": " + std::strerror(errno)};
}

Result<void> AtomicFile::write(ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail(failure("write"));
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

Result<void> AtomicFile::commit(bool durable) {
  if (durable && ::fsync(descriptor_) != 0) return fail(failure("sync"));
  if (::rename(beside_.c_str(), path_.c_str()) != 0) return fail(failure("name"));
  beside_.clear();
  if (!durable) return {};
  // The new name lasts once its folder is on disk too; a file system that cannot sync folders is none of our
  // business.
  const std::size_t slash = path_.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path_.substr(0, slash + 1);
  if (const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); descriptor >= 0) {
    ::fsync(descriptor);
    ::close(descriptor);
  }
  return {};
}

}  // namespace ringside::guest
