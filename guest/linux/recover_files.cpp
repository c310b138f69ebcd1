// SPDX-License-Identifier: Apache-2.0
// Open files, working directories and the names of directory entries.
#include "guest/linux/recovery.h"

#include <algorithm>
#include <vector>

namespace ringside::guest::linux {
namespace {

using Offset = std::uint32_t;

// struct dentry up to d_iname, struct file up to f_op and struct mount up to mnt have been the same on i386
// since before 5.10 (include/linux/dcache.h, fs.h, fs/mount.h). They are used if the guest's own objects
// agree.
constexpr Offset kParent = 16, kName = 20, kInode = 32, kInlineName = 36, kInlineSize = 36;
constexpr Offset kNameLength = kName + 4, kNamePointer = kName + 8;
constexpr Offset kFilePath = 8, kFileInode = 16, kFileOperations = 20;
constexpr Offset kMountParent = 8, kMountPoint = 12, kMount = 16;
constexpr std::uint32_t kFirstFiles = 64;

/// A directory entry whose name is as long as it says; short ones stand inside of it.
bool is_dentry(KernelPages& memory, std::uint32_t dentry) {
  if (!KernelPages::is_pointer(dentry)) return false;
  const std::uint32_t parent = memory.word(dentry + kParent), name = memory.word(dentry + kNamePointer);
  const auto length = memory.get<std::uint32_t>(dentry + kNameLength);
  if (!KernelPages::is_pointer(parent) || !KernelPages::is_pointer(name, 1) || !length || *length > 255)
    return false;
  const auto end = memory.get<std::byte>(name + *length);
  return end == std::byte{0} && (name == dentry + kInlineName) == (*length < kInlineSize);
}

bool is_root(KernelPages& memory, std::uint32_t dentry) {
  return is_dentry(memory, dentry) && memory.word(dentry + kParent) == dentry &&
         memory.text(dentry + kInlineName, 8) == "/";
}

bool is_file(KernelPages& memory, std::uint32_t file) {
  if (!KernelPages::is_pointer(file)) return false;
  const std::uint32_t dentry = memory.word(file + kFilePath + 4);
  return is_dentry(memory, dentry) && memory.word(dentry + kInode) == memory.word(file + kFileInode) &&
         KernelPages::is_pointer(memory.word(file + kFileInode)) &&
         KernelPages::is_pointer(memory.word(file + kFileOperations));
}

void add_dentry(Recovery& r) {
  r.add_number("dentry", "d_flags", 0);
  r.add_pointer("dentry", "d_parent", kParent);
  r.add_struct("dentry", "d_name", kName, 12, "qstr");
  r.add_number("qstr", "hash", 0);
  r.add_number("qstr", "len", 4);
  r.add_pointer("qstr", "name", 8);
  r.add_pointer("dentry", "d_inode", kInode);
  r.add_array("dentry", "d_iname", kInlineName, kInlineSize, 1);
}

void add_file(Recovery& r) {
  r.add_struct("file", "f_path", kFilePath, 8, "path");
  r.add_pointer("file", "f_inode", kFileInode);
  r.add_pointer("file", "f_op", kFileOperations);
}

/// struct mount around the vfsmount that a path names: that of `/` is its own parent, or hangs on another.
void add_mount(Recovery& r, std::uint32_t mount, std::uint32_t root) {
  const std::uint32_t parent = r.memory.word(mount - kMount + kMountParent);
  const std::uint32_t point = r.memory.word(mount - kMount + kMountPoint);
  if (r.memory.word(mount) != root || !KernelPages::is_pointer(parent) || !is_dentry(r.memory, point) ||
      !is_dentry(r.memory, r.memory.word(parent + kMount))) {
    r.types.missing("struct mount, struct vfsmount");
    return;
  }
  r.add_pointer("mount", "mnt_parent", kMountParent);
  r.add_pointer("mount", "mnt_mountpoint", kMountPoint);
  r.add_struct("mount", "mnt", kMount, 12, "vfsmount");
  r.add_pointer("vfsmount", "mnt_root", 0);
  r.add_pointer("vfsmount", "mnt_sb", 4);
  r.add_number("vfsmount", "mnt_flags", 8, 4, true);
}

/// fs_struct: two paths that follow each other, both `/` in init_task.
void find_fs(Recovery& r) {
  std::optional<std::pair<Offset, Offset>> found;
  bool unique = true;
  for (Offset member = r.comm_at + 16; member < r.comm_at + 128; member += 4)
    for (Offset root = 8; root < 40; root += 4) {
      const std::uint32_t fs = r.tasks[0].word(member);
      if (!KernelPages::is_pointer(fs) || !KernelPages::is_pointer(r.tasks[1].word(member))) continue;
      const std::uint32_t mount = r.memory.word(fs + root), dentry = r.memory.word(fs + root + 4);
      if (!is_root(r.memory, dentry) || r.memory.word(mount) != dentry ||
          r.memory.word(fs + root + 8) != mount || r.memory.word(fs + root + 12) != dentry)
        continue;
      unique = unique && !found;
      found = {member, root};
    }
  if (!found || !unique) {
    r.types.missing("task_struct.fs and struct fs_struct, dentry, mount");
    return;
  }
  const auto [member, root] = *found;
  r.add_pointer("task_struct", "fs", member);
  r.add_struct("fs_struct", "root", root, 8, "path");
  r.add_struct("fs_struct", "pwd", root + 8, 8, "path");
  add_dentry(r);
  const std::uint32_t fs = r.tasks[0].word(member);
  add_mount(r, r.memory.word(fs + root), r.memory.word(fs + root + 4));
}

/// files_struct: fdt points to the fdtable behind it as long as a process has few files, as init_task has.
void find_open_files(Recovery& r) {
  std::optional<std::pair<Offset, Offset>> found;
  bool unique = true;
  for (Offset member = r.comm_at + 16; member < r.comm_at + 128; member += 4)
    for (Offset fdt = 8; fdt < 48; fdt += 4) {
      const std::uint32_t files = r.tasks[0].word(member), table = files + fdt + 4;
      if (!KernelPages::is_pointer(files) || r.memory.word(files + fdt) != table) continue;
      // struct fdtable {max_fds, fd, close_on_exec, open_fds}: arrays inside of files_struct.
      const auto inside = [&](std::uint32_t pointer) {
        return pointer - table >= 20 && pointer - table < 256;
      };
      if (r.memory.word(table) != 32 || !inside(r.memory.word(table + 4)) ||
          !inside(r.memory.word(table + 8)) || !inside(r.memory.word(table + 12)))
        continue;
      unique = unique && !found;
      found = {member, fdt};
    }
  if (!found || !unique) {
    r.types.missing("task_struct.files and struct files_struct, file");
    return;
  }
  const auto [member, fdt] = *found;
  r.add_pointer("task_struct", "files", member);
  r.add_pointer("files_struct", "fdt", fdt);
  r.add_struct("files_struct", "fdtab", fdt + 4, 28, "fdtable");
  r.add_number("fdtable", "max_fds", 0);
  r.add_pointer("fdtable", "fd", 4);
  r.add_pointer("fdtable", "close_on_exec", 8);
  r.add_pointer("fdtable", "open_fds", 12);

  // The files themselves: all that processes have open must look like files.
  std::size_t seen = 0;
  for (const auto& task : r.tasks) {
    const std::uint32_t table = r.memory.word(task.word(member) + fdt);
    const std::uint32_t count = std::min(r.memory.word(table), kFirstFiles), array = r.memory.word(table + 4);
    for (std::uint32_t i = 0; KernelPages::is_pointer(array) && i < count; ++i) {
      const std::uint32_t file = r.memory.word(array + 4 * i);
      if (file == 0) continue;
      if (!is_file(r.memory, file)) {
        r.types.missing("struct file");
        return;
      }
      ++seen;
    }
  }
  if (seen == 0)
    r.types.missing("struct file: no process has one open");
  else
    add_file(r);
}

/// exe_file of a process, near the end of mm_struct: the only file that all processes have there.
void find_executable(Recovery& r) {
  constexpr Offset kFrom = 256, kTo = 640;
  std::vector<std::uint32_t> all;
  for (const auto& task : r.tasks)
    if (const std::uint32_t mm = task.word(r.mm_at); KernelPages::is_pointer(mm)) all.push_back(mm);
  const auto file = only_offset(kFrom, kTo, [&](Offset at) {
    return !all.empty() && std::all_of(all.begin(), all.end(), [&](std::uint32_t mm) {
      return is_file(r.memory, r.memory.word(mm + at));
    });
  });
  if (file)
    r.add_pointer("mm_struct", "exe_file", *file);
  else
    r.types.missing("mm_struct.exe_file");
}

}  // namespace

void recover_files(Recovery& r) {
  find_fs(r);
  find_open_files(r);
  if (r.mm_at != 0) find_executable(r);
}

}  // namespace ringside::guest::linux
