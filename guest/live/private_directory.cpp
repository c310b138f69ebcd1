// SPDX-License-Identifier: Apache-2.0
#include "guest/live/private_directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace ringside::guest::live {

namespace {

constexpr std::string_view kPrefix = "ringside-";

/// Linux's POSIX ACL attribute (include/uapi/linux/posix_acl_xattr.h, posix_acl.h).
struct AclEntry {
  std::uint16_t tag, permissions;
  std::uint32_t id;
};
struct Acl {
  std::uint32_t version = 2;
  std::array<AclEntry, 6> entries;
};
enum AclTag : std::uint16_t { kUserObj = 1, kUser = 2, kGroupObj = 4, kMask = 16, kOther = 32 };
constexpr std::uint32_t kNoId = ~0u;

/// Lets `guest_user` make files in `path`, and us read and connect to what it makes there. Entries are sorted
/// by tag and id, as the kernel demands.
bool let_in(const std::string& path, uid_t guest_user) {
  const std::array<std::uint32_t, 2> users{std::min(guest_user, ::geteuid()),
                                           std::max(guest_user, ::geteuid())};
  const Acl acl{.entries = {{{kUserObj, 7, kNoId},
                             {kUser, 7, users[0]},
                             {kUser, 7, users[1]},
                             {kGroupObj, 0, kNoId},
                             {kMask, 7, kNoId},
                             {kOther, 0, kNoId}}}};
  return ::setxattr(path.c_str(), "system.posix_acl_access", &acl, sizeof acl, 0) == 0 &&
         ::setxattr(path.c_str(), "system.posix_acl_default", &acl, sizeof acl, 0) == 0;
}

/// Works on an open directory: QEMU's user may own it, and must not lead us elsewhere by a symbolic link.
void remove_with_files(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  DIR* directory = fd < 0 ? nullptr : ::fdopendir(fd);
  if (directory == nullptr) {
    if (fd >= 0) ::close(fd);
    return;
  }
  while (const dirent* entry = ::readdir(directory))
    ::unlinkat(fd, entry->d_name, 0);  // not folders: "." stays
  ::closedir(directory);
  ::rmdir(path.c_str());
}

/// SO_PEERCRED tells who called listen(); QEMU's -runas gives that user up later.
io::PeerCredentials as_of_now(io::PeerCredentials qemu) {
  std::ifstream status(fmt::format("/proc/{}/status", qemu.pid));
  std::string key;
  while (qemu.pid > 0 && status >> key) {
    unsigned real = 0, effective = 0;
    if (key == "Uid:" && status >> real >> effective) qemu.uid = effective;
    if (key == "Gid:" && status >> real >> effective) {
      qemu.gid = effective;
      break;
    }
  }
  return qemu;
}

}  // namespace

Result<PrivateDirectory> PrivateDirectory::create(const std::string& base,
                                                  std::optional<io::PeerCredentials> qemu) {
  std::string path = fmt::format("{}/{}XXXXXX", base, kPrefix);
  if (::mkdtemp(path.data()) == nullptr)
    return fail(errno == EACCES || errno == EPERM || errno == EROFS ? Errc::permission : Errc::io,
                fmt::format("cannot make a directory in {}: {}", base, std::strerror(errno)));
  PrivateDirectory directory(std::move(path));
  if (qemu) qemu = as_of_now(*qemu);
  if (qemu && qemu->uid != ::geteuid()) {  // the uid is known even where the pid is out of sight
    const bool reachable = ::geteuid() == 0 ? ::chown(directory.path_.c_str(), qemu->uid, qemu->gid) == 0
                                            : let_in(directory.path_, qemu->uid);
    if (!reachable)
      return fail(Errc::permission, fmt::format("cannot let QEMU's user {} into {}: {}", qemu->uid,
                                                directory.path_, std::strerror(errno)));
  }
  return directory;
}

PrivateDirectory::~PrivateDirectory() {
  if (!path_.empty()) remove_with_files(path_);
}

void remove_private_directory_of(const std::string& file) {
  const std::filesystem::path directory = std::filesystem::path(file).parent_path();
  struct stat info {};
  if (!directory.filename().string().starts_with(kPrefix) || ::lstat(directory.c_str(), &info) != 0) return;
  if (S_ISDIR(info.st_mode) && (info.st_mode & S_IRWXO) == 0) remove_with_files(directory.string());
}

std::vector<std::string> private_directory_bases(const io::Endpoint& endpoint) {
  std::vector<std::string> bases;
  const auto add = [&bases](std::string base) {
    // QEMU splits its option text at commas and HMP at spaces and quotes.
    const bool plain =
        !base.empty() && base.front() == '/' && std::all_of(base.begin(), base.end(), [](char c) {
          return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                 std::string_view("/._-+@").find(c) != std::string_view::npos;
        });
    if (plain && std::find(bases.begin(), bases.end(), base) == bases.end()) bases.push_back(std::move(base));
  };
  if (const char* runtime = std::getenv("RUNTIME_DIRECTORY"))  // systemd.exec(5); a colon parts several
    add(std::string(runtime, std::strcspn(runtime, ":")));
  add("/tmp");
  if (endpoint.kind == io::Endpoint::Kind::unix_socket)
    add(std::filesystem::absolute(endpoint.path).lexically_normal().parent_path().string());
  return bases;
}

}  // namespace ringside::guest::live
