// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "guest/address.h"
#include "guest/linux/kernel.h"
#include "guest/linux/listing.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ringside::guest::linux {

/// What kind of inode a file is (S_IFMT of i_mode).
enum class FileType : std::uint8_t {
  none,
  fifo,
  character,
  directory,
  block,
  regular,
  link,
  socket,
  unknown
};
std::string_view to_string(FileType type);

/// One file descriptor.
struct OpenFile {
  unsigned fd = 0;
  Gva file;                   ///< struct file
  std::uint32_t flags = 0;    ///< f_flags: O_* as open() and fcntl() know them
  std::uint64_t mode = 0;     ///< f_mode: FMODE_*
  std::int64_t position = 0;  ///< f_pos
  Gva inode;                  ///< struct inode
  std::uint64_t inode_number = 0;
  std::uint32_t inode_mode = 0;                 ///< i_mode: type and permissions
  unsigned major = 0, minor = 0;                ///< of the file system
  unsigned device_major = 0, device_minor = 0;  ///< of a device node
  FileType type = FileType::none;
  Gva operations;    ///< f_op
  Gva private_data;  ///< of a socket: its struct socket
  bool close_on_exec = false;
  /// As /proc/PID/fd/N; nullopt: could not be read (a problem says why).
  std::optional<std::string> path;

  /// "r", "w", "rw" or "-" (O_PATH).
  std::string_view access() const;
};

/// Highest number of file descriptors that is looked at of one process (fs.nr_open's default).
inline constexpr std::uint64_t kMaxFds = 1u << 20;
/// Most open files that are listed of one process.
inline constexpr std::size_t kMaxOpenFiles = std::size_t{1} << 18;

/// The open files of `files` (struct files_struct), in order of fd. `paths` false leaves the paths out. files
/// 0 (a task that is exiting) has none.
Result<Listing<OpenFile>> open_files(Kernel& kernel, Gva files, bool paths = true);

}  // namespace ringside::guest::linux
