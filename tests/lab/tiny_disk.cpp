// SPDX-License-Identifier: Apache-2.0
#include "tests/lab/tiny_disk.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

namespace ringside::lab {

Result<std::unique_ptr<TinyDisk>> TinyDisk::mount(const std::string& folder, std::uint64_t bytes) {
  std::filesystem::create_directories(folder);
  if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mount("tiny", folder.c_str(), "tmpfs", MS_NOSUID | MS_NODEV,
              fmt::format("size={},mode=0700", bytes).c_str()) != 0)
    return fail(Errc::unavailable,
                fmt::format("no small file system can be mounted here: {}", std::strerror(errno)));
  return std::unique_ptr<TinyDisk>(new TinyDisk(folder));
}

TinyDisk::~TinyDisk() {
  ::umount2(folder_.c_str(), MNT_DETACH);
}

Result<void> TinyDisk::fill() {
  const int file = ::open(filler().c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) return fail(Errc::io, filler() + ": " + std::strerror(errno));
  // In ever smaller pieces: a large one may fail where a small one still fits.
  const std::vector<char> piece(1u << 20);
  for (std::size_t size = piece.size(); size > 0;)
    if (::write(file, piece.data(), size) <= 0) size /= 2;
  const bool full = errno == ENOSPC;
  ::close(file);
  if (full) return {};
  return fail(Errc::io, fmt::format("{} could not be filled: {}", folder_, std::strerror(errno)));
}

void TinyDisk::make_room() {
  ::unlink(filler().c_str());
}

}  // namespace ringside::lab
