// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/open_files.h"

#include "guest/linux/file_reader.h"
#include "guest/linux/path_reader.h"
#include "guest/linux/pointers.h"

#include <algorithm>
#include <array>
#include <span>

namespace ringside::guest::linux {

namespace {

/// S_IFMT of i_mode (include/uapi/linux/stat.h).
FileType type_of(std::uint32_t mode) {
  switch (mode & 0170000) {
    case 0:
      return FileType::none;
    case 0010000:
      return FileType::fifo;
    case 0020000:
      return FileType::character;
    case 0040000:
      return FileType::directory;
    case 0060000:
      return FileType::block;
    case 0100000:
      return FileType::regular;
    case 0120000:
      return FileType::link;
    case 0140000:
      return FileType::socket;
    default:
      return FileType::unknown;
  }
}

class Table {
 public:
  Table(Kernel& kernel, Listing<OpenFile>& listing, bool paths)
      : kernel_(kernel), reader_(FileReader::of(kernel)), listing_(listing), paths_(paths) {}

  /// The pointers of descriptors [first, first + count).
  Result<void> part(Gva descriptors, Gva close_on_exec, unsigned first, unsigned count) {
    const unsigned size = kernel_.pointer_size();
    const auto bytes = std::span(bytes_).first(std::size_t{count} * size);
    RINGSIDE_CHECK(kernel_.space().read(descriptors + std::uint64_t{first} * size, bytes));
    for (unsigned i = 0; i < count; ++i) {
      const Gva file = pointer_in(bytes, i, size);
      if (file == Gva{0}) continue;
      if (listing_.entries.size() >= kMaxOpenFiles)
        return fail(Errc::out_of_bounds, "more than " + std::to_string(kMaxOpenFiles) + " open files");
      add(first + i, file, close_on_exec);
    }
    return {};
  }

 private:
  void problem(unsigned fd, const Error& error) {
    listing_.problem(error.within("file descriptor " + std::to_string(fd)));
  }

  void add(unsigned fd, Gva address, Gva close_on_exec) {
    OpenFile& open = listing_.entries.emplace_back();
    open.fd = fd;
    open.file = address;
    if (const auto bits = kernel_.read<std::uint8_t>(close_on_exec + fd / 8))
      open.close_on_exec = ((*bits >> (fd % 8)) & 1) != 0;
    else
      problem(fd, bits.error());
    const auto file = reader_.file(address);
    if (!file) return problem(fd, file.error());
    open.flags = file->flags;
    open.mode = file->mode;
    open.position = file->position;
    open.operations = file->operations;
    open.private_data = file->private_data;
    open.inode = file->inode;
    if (const auto inode = reader_.inode(file->inode)) {
      open.inode_number = inode->number;
      open.inode_mode = inode->mode;
      open.file_system = inode->file_system;
      open.device = inode->device;
      if (inode->mode) open.type = type_of(*inode->mode);
    } else {
      problem(fd, inode.error());
    }
    if (!paths_) return;
    auto path = file_path(kernel_, address);
    if (path)
      open.path = std::move(*path);
    else
      problem(fd, path.error());
  }

  Kernel& kernel_;
  FileReader& reader_;
  Listing<OpenFile>& listing_;
  bool paths_;
  std::array<std::byte, kPageSize> bytes_{};
};

}  // namespace

std::string_view to_string(FileType type) {
  switch (type) {
    case FileType::none:
      return "none";
    case FileType::fifo:
      return "fifo";
    case FileType::character:
      return "character";
    case FileType::directory:
      return "directory";
    case FileType::block:
      return "block";
    case FileType::regular:
      return "regular";
    case FileType::link:
      return "link";
    case FileType::socket:
      return "socket";
    case FileType::unknown:
      return "unknown";
  }
  return "unknown";
}

std::optional<std::string_view> OpenFile::access() const {
  if (!mode) return std::nullopt;
  switch (*mode & (fmode::kRead | fmode::kWrite)) {
    case fmode::kRead:
      return "r";
    case fmode::kWrite:
      return "w";
    case fmode::kRead | fmode::kWrite:
      return "rw";
    default:
      return "-";
  }
}

std::vector<Error> unknown_of_open_files(Kernel& kernel) {
  auto unknown = FileReader::of(kernel).missing();
  if (auto why = PathReader::of(kernel).unusable()) unknown.push_back(std::move(*why));
  return unknown;
}

Result<Listing<OpenFile>> open_files(Kernel& kernel, Gva files, bool paths) {
  Listing<OpenFile> listing;
  if (files == Gva{0}) return listing;
  ObjectReader fdtable(kernel, "fdtable");
  const auto max_fds = fdtable.add("max_fds"), fd = fdtable.add("fd"),
             close_on_exec = fdtable.add("close_on_exec");
  if (!fdtable.missing().empty()) return fail(fdtable.missing().front());
  // A task that ends while it is looked at: its last user has left the table, which may be anything by now
  // (fs/file.c, put_files_struct).
  if (const auto users = kernel.field("files_struct", "count.counter")) {
    RINGSIDE_TRY(const std::uint64_t count, kernel.read_field(files, *users));
    if (count == 0) return listing;
  }
  RINGSIDE_TRY(const Field link, kernel.field("files_struct", "fdt"));
  RINGSIDE_TRY(const Gva table, kernel.read_pointer_field(files, link));
  RINGSIDE_CHECK(fdtable.read(table));
  std::uint64_t count = fdtable.integer(max_fds).value_or(0);
  if (count > kMaxFds) {
    listing.problem({Errc::out_of_bounds, "a table of " + std::to_string(count) + " file descriptors"});
    count = kMaxFds;
  }
  const Gva descriptors = fdtable.pointer(fd).value_or(Gva{0});
  Table reader(kernel, listing, paths && !PathReader::of(kernel).unusable());
  const unsigned step = static_cast<unsigned>(kPageSize) / kernel.pointer_size();
  for (std::uint64_t first = 0; first < count; first += step) {
    const auto here = static_cast<unsigned>(std::min<std::uint64_t>(step, count - first));
    const auto read = reader.part(descriptors, fdtable.pointer(close_on_exec).value_or(Gva{0}),
                                  static_cast<unsigned>(first), here);
    if (read) continue;
    listing.problem(
        read.error().within("the table of file descriptors from " + std::to_string(first) + " on"));
    break;
  }
  return listing;
}

}  // namespace ringside::guest::linux
