// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/files.h"
#include "guest/linux/hooks/proxy_tables.h"
#include "guest/linux/open_files.h"
#include "guest/linux/tasks.h"

#include <unordered_set>

namespace ringside::guest::linux {

namespace {

using Kind = Hook::Kind;
using Presence = ObjectReader::Presence;

class OperationsReader {
 public:
  OperationsReader(Kernel& kernel, Hooks& into)
      : kernel_(kernel),
        into_(into),
        super_(kernel, "super_block"),
        dentry_(kernel, "dentry"),
        inode_(kernel, "inode"),
        mapping_(kernel, "address_space"),
        root_(super_.object().add("s_root")),
        type_(super_.object().add("s_type")),
        root_inode_(dentry_.object().add("d_inode")),
        pages_(inode_.object().add("i_mapping", Presence::optional)),
        own_pages_(kernel.offset("inode", "i_data")),
        type_name_(kernel.field("file_system_type", "name")) {
    super_.add("s_op", {"s_op"}, Kind::table);
    super_.add("s_d_op", {"s_d_op", "__s_d_op"}, Kind::table);
    super_.add("s_qcop", {"s_qcop"}, Kind::table);
    super_.add("s_export_op", {"s_export_op"}, Kind::table);
    dentry_.add("d_op", {"d_op"}, Kind::table);
    inode_.add("i_op", {"i_op"}, Kind::table);
    inode_.add("i_fop", {"i_fop"}, Kind::table);
    inode_.add("a_ops", {"i_data.a_ops"}, Kind::table);
    mapping_.add("a_ops", {"a_ops"}, Kind::table);
  }
  std::optional<Error> problem() const {
    for (const HookReader* reader : {&super_, &dentry_, &inode_})
      if (auto why = reader->problem()) return why;
    return std::nullopt;
  }

  void super_block(Gva at) {
    if (auto done = take_super_block(at); !done)
      into_.problem(done.error().within("super block " + to_string(at)));
  }
  /// An inode, once, and its page cache, which is in it but for a device's node (fs/inode.c,
  /// inode_init_always; block/bdev.c).
  Result<void> inode(Gva at, Hook like) {
    if (at.value == 0 || !inodes_.insert(at.value).second) return {};
    RINGSIDE_CHECK(inode_.read(at));
    inode_.append(like, into_);
    const Gva pages = inode_.object().pointer(pages_).value_or(Gva{0});
    if (!own_pages_ || pages.value == 0 || pages == at + *own_pages_) return {};
    if (!mappings_.insert(pages.value).second) return {};
    RINGSIDE_CHECK(mapping_.read(pages));
    mapping_.append(std::move(like), into_);
    return {};
  }

 private:
  Result<void> take_super_block(Gva at) {
    RINGSIDE_CHECK(super_.read(at));
    Hook like;
    like.group = "super_block";
    const Gva type = super_.object().pointer(type_).value_or(Gva{0});
    if (type.value != 0 && type_name_)
      like.name = text_at(kernel_, kernel_.read_pointer_field(type, *type_name_).value_or(Gva{0}));
    super_.append(like, into_);
    // One that is being mounted or unmounted has no root.
    const Gva root = super_.object().pointer(root_).value_or(Gva{0});
    if (root.value == 0) return {};
    RINGSIDE_CHECK(dentry_.read(root));
    like.group = "root";
    dentry_.append(like, into_);
    return inode(dentry_.object().pointer(root_inode_).value_or(Gva{0}), like);
  }

  Kernel& kernel_;
  Hooks& into_;
  HookReader super_, dentry_, inode_, mapping_;
  ObjectReader::Member root_, type_, root_inode_, pages_;
  Result<std::uint32_t> own_pages_;
  Result<Field> type_name_;
  std::unordered_set<std::uint64_t> inodes_, mappings_;
};

void take_open_files(Kernel& kernel, OperationsReader& reader, Hooks& into) {
  const auto place = kernel.offset("file", "f_op");
  if (!place) return into.problem(place.error().within("open files"));
  TaskQuery query;
  query.parts = TaskParts::pointers;
  const auto all = tasks(kernel, query);
  for (const auto& error : all.problems) into.problem(error);
  const ProxyTables proxies(kernel);
  std::unordered_set<std::uint64_t> tables, files;
  for (const Task& task : all.entries) {
    if (!task.files || task.files->value == 0 || !tables.insert(task.files->value).second) continue;
    const std::string who = task.comm + " (" + std::to_string(task.pid) + ")";
    const auto open = open_files(kernel, *task.files, false);
    if (!open) {
      into.problem(open.error().within("open files of " + who));
      continue;
    }
    for (const auto& error : open->problems) into.problem(error.within("open files of " + who));
    for (const OpenFile& file : open->entries) {
      if (!files.insert(file.file.value).second || into.entries.size() >= kMaxHooks) continue;
      Hook like;
      like.group = "file";
      like.name = who + " fd " + std::to_string(file.fd);
      if (auto read = reader.inode(file.inode, like); !read)
        into.problem(read.error().within("inode of " + like.name));
      if (file.operations.value == 0 || proxies.is_one(file.operations)) continue;
      like.slot = "f_op";
      like.kind = Kind::table;
      like.object = file.file;
      like.place = file.file + *place;
      like.target = file.operations;
      into.entries.push_back(std::move(like));
    }
  }
}

}  // namespace

Result<Hooks> file_operations(Kernel& kernel) {
  RINGSIDE_CHECK(require_types(kernel));
  Hooks hooks;
  OperationsReader reader(kernel, hooks);
  if (reader.problem()) return fail(reader.problem()->within("operations of files"));
  RINGSIDE_TRY(const Gva supers, kernel.symbol("super_blocks"));
  each_in_list(kernel, supers, "super_block", "s_list", "super blocks", hooks,
               [&](Gva at) { reader.super_block(at); });
  take_open_files(kernel, reader, hooks);
  return hooks;
}

}  // namespace ringside::guest::linux
