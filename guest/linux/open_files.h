// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "guest/address.h"
#include "guest/linux/device_number.h"
#include "guest/linux/kernel.h"
#include "guest/linux/listing.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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

/// One file descriptor. nullopt: could not be read (a problem says why), or this kernel's layouts do not tell
/// (unknown_of_open_files() says which).
struct OpenFile {
  unsigned fd = 0;
  Gva file;                              ///< struct file
  Gva inode;                             ///< struct inode
  Gva operations;                        ///< f_op
  std::optional<std::uint32_t> flags;    ///< f_flags: O_* as open() and fcntl() know them
  std::optional<std::uint64_t> mode;     ///< f_mode: FMODE_*
  std::optional<std::int64_t> position;  ///< f_pos
  std::optional<Gva> private_data;       ///< of a socket: its struct socket
  std::optional<std::uint64_t> inode_number;
  std::optional<std::uint32_t> inode_mode;  ///< i_mode: type and permissions
  std::optional<DeviceNumber> file_system;  ///< the device that the file system is on
  std::optional<DeviceNumber> device;       ///< that a device node stands for
  FileType type = FileType::unknown;
  std::optional<bool> close_on_exec;
  /// As /proc/PID/fd/N shows it.
  std::optional<std::string> path;

  /// "r", "w", "rw" or "-" (O_PATH).
  std::optional<std::string_view> access() const;
};

/// Highest number of file descriptors that is looked at of one process (fs.nr_open's default).
inline constexpr std::uint64_t kMaxFds = 1u << 20;
/// Most open files that are listed of one process.
inline constexpr std::size_t kMaxOpenFiles = std::size_t{1} << 18;

/// The open files of `files` (struct files_struct), in order of fd. `paths` false leaves the paths out. files
/// 0 (a task that is exiting) has none.
Result<Listing<OpenFile>> open_files(Kernel& kernel, Gva files, bool paths = true);

/// What this kernel's layouts do not tell of any open file; on a kernel with type information nothing.
std::vector<Error> unknown_of_open_files(Kernel& kernel);

}  // namespace ringside::guest::linux
