// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/file_reader.h"

namespace ringside::guest::linux {

FileReader& FileReader::of(Kernel& kernel) {
  return kernel.memo<FileReader>([&] { return FileReader(kernel); });
}

FileReader::FileReader(Kernel& kernel)
    : kernel_(kernel),
      file_(kernel, "file"),
      inode_(kernel, "inode"),
      file_inode_(file_.add("f_inode")),
      file_operations_(file_.add("f_op")),
      file_private_(file_.add("private_data")),
      file_flags_(file_.add("f_flags")),
      file_mode_(file_.add("f_mode")),
      file_position_(file_.add("f_pos")),
      number_(inode_.add("i_ino")),
      mode_(inode_.add("i_mode")),
      super_block_(inode_.add("i_sb")),
      rdev_(inode_.add("i_rdev")),
      mapping_(inode_.add("i_mapping")),
      super_dev_(kernel.field("super_block", "s_dev")),
      dentry_inode_(kernel.field("dentry", "d_inode")),
      backing_(backing_files(kernel)) {}

std::vector<Error> FileReader::missing() const {
  std::vector<Error> all = file_.missing();
  all.insert(all.end(), inode_.missing().begin(), inode_.missing().end());
  if (!super_dev_) all.push_back(super_dev_.error());
  return all;
}

Result<FileFacts> FileReader::file(Gva address) {
  if (!file_.has(file_inode_)) return fail(kernel_.field("file", "f_inode").error());
  if (auto read = file_.read(address); !read)
    return fail(read.error().within("file at " + to_string(address)));
  FileFacts facts;
  facts.address = address;
  facts.inode = file_.pointer(file_inode_).value_or(Gva{0});
  facts.operations = file_.pointer(file_operations_).value_or(Gva{0});
  facts.private_data = file_.pointer(file_private_);
  facts.flags = file_.u32(file_flags_);
  facts.mode = file_.u32(file_mode_);
  if (const auto position = file_.integer(file_position_))
    facts.position = static_cast<std::int64_t>(*position);
  return facts;
}

Result<DeviceNumber> FileReader::device_of(Gva super_block) {
  if (const auto known = devices_.find(super_block.value); known != devices_.end()) return known->second;
  if (!super_dev_) return fail(super_dev_.error());
  RINGSIDE_TRY(const std::uint64_t dev, kernel_.read_field(super_block, *super_dev_));
  if (devices_.size() >= kMaxKept) devices_.clear();
  return devices_[super_block.value] = DeviceNumber::of(dev);
}

Result<InodeFacts> FileReader::inode(Gva address) {
  if (const auto known = inodes_.find(address.value); known != inodes_.end()) return known->second;
  if (address == Gva{0}) return fail(Errc::malformed, "a file without an inode");
  const auto at = [&] { return "inode at " + to_string(address); };
  if (auto read = inode_.read(address); !read) return fail(read.error().within(at()));
  InodeFacts facts;
  facts.address = address;
  facts.number = inode_.integer(number_);
  facts.mode = inode_.u32(mode_);
  if (const auto device = inode_.integer(rdev_)) facts.device = DeviceNumber::of(*device);
  facts.mapping = inode_.pointer(mapping_);
  if (const auto super_block = inode_.pointer(super_block_); super_block && super_dev_) {
    auto device = device_of(*super_block);
    if (!device) return fail(device.error().within(at()));
    facts.file_system = *device;
  }
  if (inodes_.size() >= kMaxKept) inodes_.clear();
  return inodes_[address.value] = facts;
}

Result<InodeFacts> FileReader::user_inode(const FileFacts& file) {
  if (!backing_ || !file.mode || !backing_->is_one(*file.mode)) return inode(file.inode);
  if (!dentry_inode_) return fail(dentry_inode_.error());
  RINGSIDE_TRY(const Path path, path_of_file(kernel_, file.address));
  RINGSIDE_TRY(const Gva address, kernel_.read_pointer_field(path.dentry, *dentry_inode_));
  return inode(address);
}

}  // namespace ringside::guest::linux
