// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/path_reader.h"

#include "guest/linux/pointers.h"

#include <array>
#include <span>
#include <vector>

namespace ringside::guest::linux {

namespace {

// Mounts on mounts that a path may lead through: far more than anyone nests.
constexpr std::size_t kMaxMountsOfPath = 4096;

Result<Path> initial_root(Kernel& kernel, PathReader& reader) {
  RINGSIDE_TRY(const Gva task, kernel.symbol("init_task"));
  RINGSIDE_TRY(const Field link, kernel.field("task_struct", "fs"));
  RINGSIDE_TRY(const Field root, kernel.field("fs_struct", "root"));
  RINGSIDE_TRY(const Gva fs, kernel.read_pointer_field(task, link));
  return reader.read(fs + root.offset);
}

/// A path that is put together from its end. False: it grew too long.
class Components {
 public:
  bool prepend(const std::string& name) {
    reversed_.push_back(name);
    bytes_ += name.size() + 1;
    return bytes_ < kMaxPathBytes && reversed_.size() <= kMaxPathComponents;
  }
  void clear() {
    reversed_.clear();
    bytes_ = 0;
  }
  std::string joined() const {
    if (reversed_.empty()) return "/";
    std::string path;
    path.reserve(bytes_);
    for (auto name = reversed_.rbegin(); name != reversed_.rend(); ++name) path += "/" + *name;
    return path;
  }

 private:
  std::vector<std::string> reversed_;
  std::size_t bytes_ = 0;
};

tl::unexpected<Error> too_long() {
  return fail(Errc::out_of_bounds,
              "a path of " + std::to_string(kMaxPathBytes) + " bytes or more, or a loop of directories");
}

}  // namespace

PathReader& PathReader::of(Kernel& kernel) {
  return kernel.memo<PathReader>([&] { return PathReader(kernel); });
}

PathReader::PathReader(Kernel& kernel)
    : kernel_(kernel),
      dentries_(kernel),
      names_(kernel),
      file_path_(kernel.field("file", "f_path")),
      file_mode_(kernel.field("file", "f_mode")),
      backing_(backing_files(kernel)) {
  root_ = initial_root(kernel, *this);
}

Result<Path> PathReader::read(Gva path) {
  Path found;
  // struct path { struct vfsmount *mnt; struct dentry *dentry; }, include/linux/path.h
  RINGSIDE_TRY(const auto pointers, read_pointers<2>(kernel_, path));
  found.mount = pointers[0];
  found.dentry = pointers[1];
  return found;
}

Result<Path> PathReader::of_file(Gva file) {
  if (!file_path_) return fail(file_path_.error());
  if (file == Gva{0}) return fail(Errc::not_found, "there is no file");
  if (backing_ && file_mode_) {
    RINGSIDE_TRY(const std::uint64_t mode, kernel_.read_field(file, *file_mode_));
    if (backing_->is_one(mode)) return read(file + backing_->user_path.offset);
  }
  return read(file + file_path_->offset);
}

Result<PathReader::Walked> PathReader::walk(Path path, const Path& root) {
  Components components;
  std::size_t mounts = 0;
  while (!(path == root)) {
    RINGSIDE_TRY(const MountNode* mount, dentries_.mount(path.mount));
    if (path.dentry == mount->root) {
      if (mount->parent == path.mount) return Walked{End::at_top, components.joined()};
      if (++mounts > kMaxMountsOfPath)
        return fail(Errc::malformed, "mounts that lead in a circle, at " + to_string(path.mount));
      path = {mount->parent, mount->point};
      continue;
    }
    RINGSIDE_TRY(const Dentry* dentry, dentries_.dentry(path.dentry));
    // Its directory is not below the mount any more: the kernel shows "/" (__prepend_path).
    if (dentry->is_root(path.dentry)) return Walked{End::escaped, "/"};
    if (!components.prepend(dentry->name)) return too_long();
    path.dentry = dentry->parent;
  }
  return Walked{End::at_root, components.joined()};
}

Result<std::string> PathReader::make(Path path) {
  RINGSIDE_TRY(const Dentry* read, dentries_.dentry(path.dentry));
  const Dentry dentry = *read;
  bool made = !dentry.operations;  // not known: it may be
  if (dentry.operations) {
    RINGSIDE_TRY(made, names_.makes_name(*dentry.operations));
  }
  if (made) {
    // Only what stands in no directory has such a name; a namespace or the like that is mounted somewhere is
    // shown by that place.
    bool placed = !dentry.is_root(path.dentry) && !dentry.operations;
    if (dentry.is_root(path.dentry)) {
      RINGSIDE_TRY(const MountNode* mount, dentries_.mount(path.mount));
      placed = path.dentry == mount->root;
    }
    if (!placed) return names_.name(dentry, path.dentry);
  }
  RINGSIDE_TRY(Walked walked, walk(path, root_.value_or(Path{})));
  if (dentry.unlinked(path.dentry)) walked.path += " (deleted)";
  return std::move(walked.path);
}

const Result<std::string>& PathReader::shown(Path path) {
  const std::pair key(path.mount.value, path.dentry.value);
  if (const auto known = kept_.find(key); known != kept_.end()) return known->second;
  if (kept_.size() >= kMaxKept) kept_.clear();
  return kept_.emplace(key, make(path)).first->second;
}

Result<std::string> PathReader::below(Path root, Path path) {
  RINGSIDE_TRY(Walked walked, walk(path, root));
  if (walked.end != End::at_root) return fail(Errc::not_found, walked.path + " does not lie below that root");
  return std::move(walked.path);
}

Result<std::string> PathReader::inside(Gva address) {
  Components components;
  Gva at = address;
  bool unlinked = false;
  for (;;) {
    RINGSIDE_TRY(const Dentry* dentry, dentries_.dentry(at));
    if (at == address) unlinked = dentry->unlinked(at);
    if (dentry->is_root(at)) break;
    if (!components.prepend(dentry->name)) return too_long();
    at = dentry->parent;
  }
  return components.joined() + (unlinked ? "//deleted" : "");
}

}  // namespace ringside::guest::linux
