// SPDX-License-Identifier: Apache-2.0
#include "guest/memory/exchange_file.h"

#include "base/bytes.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace ringside::guest::memory {

namespace {

tl::unexpected<Error> failed(const std::string& what, int error) {
  return fail(error == EACCES || error == EPERM ? Errc::permission : Errc::io,
              what + ": " + std::strerror(error));
}

/// Write permission for those who may enter the directory. In one that everybody may list (/tmp, say) the
/// name is no secret, and a stranger must not be able to write what we take for guest memory: owner only.
mode_t mode_in(mode_t directory) {
  mode_t mode = S_IRUSR | S_IWUSR;
  if ((directory & S_IXGRP) != 0) mode |= S_IWGRP;
  if ((directory & S_IXOTH) != 0 && (directory & (S_IROTH | S_IWOTH)) == 0) mode |= S_IWOTH;
  return mode;
}

}  // namespace

Result<ExchangeFile> ExchangeFile::create(const std::string& directory) {
  struct stat where {};
  if (::stat(directory.c_str(), &where) != 0)
    return failed("cannot use exchange directory " + directory, errno);
  std::array<std::byte, 16> random{};
  if (::getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size()))
    return failed("cannot get random bytes", errno);
  std::string path = directory + "/ringside-" + to_hex(random);
  const int descriptor =
      ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (descriptor < 0) return failed("cannot create a file in exchange directory " + directory, errno);
  ExchangeFile file(std::move(path), descriptor);
  // The directory's owner and group are those whom it was made for. Without the right to give the file away
  // it stays ours, and QEMU's own error tells if it cannot write.
  if (where.st_gid != ::getegid()) static_cast<void>(::fchown(descriptor, uid_t(-1), where.st_gid) == 0);
  if (where.st_uid != ::geteuid()) static_cast<void>(::fchown(descriptor, where.st_uid, gid_t(-1)) == 0);
  if (::fchmod(descriptor, mode_in(where.st_mode)) != 0 && errno != EPERM)
    return failed("cannot set the mode of " + file.path_, errno);
  return file;
}

ExchangeFile::ExchangeFile(ExchangeFile&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

ExchangeFile::~ExchangeFile() {
  if (descriptor_ < 0) return;
  ::unlink(path_.c_str());
  ::close(descriptor_);
}

Result<void> ExchangeFile::clear() {
  if (::ftruncate(descriptor_, 0) != 0) return failed("cannot empty " + path_, errno);
  return {};
}

Result<void> ExchangeFile::read(std::uint64_t offset, std::span<std::byte> into,
                                std::uint64_t expected) const {
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0) return failed("cannot look at " + path_, errno);
  if (static_cast<std::uint64_t>(status.st_size) != expected)
    return fail(Errc::io,
                "QEMU wrote " + std::to_string(status.st_size) + " bytes to " + path_ + " instead of " +
                    std::to_string(expected),
                "QEMU must see the exchange directory under the same path");
  while (!into.empty()) {
    const ssize_t got = ::pread(descriptor_, into.data(), into.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return failed("cannot read " + path_, got < 0 ? errno : EIO);
    into = into.subspan(static_cast<std::size_t>(got));
    offset += static_cast<std::uint64_t>(got);
  }
  return {};
}

}  // namespace ringside::guest::memory
