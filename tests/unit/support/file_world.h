// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/paths.h"
#include "tests/unit/support/fake_kernel.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::testing {

/// A kernel with files, mounts and memory areas, in a layout that no release has. It begins with a root file
/// system that is mounted as system root.
class FileWorld {
 public:
  using Gva = guest::Gva;
  using Path = guest::linux::Path;

  // Offsets.
  struct Dentry {
    static constexpr std::uint32_t hash = 8, name = 24, parent = 48, inode = 64, operations = 72, size = 80;
  };
  struct Mount {
    static constexpr std::uint32_t parent = 8, point = 16, vfsmount = 32, devname = 72, list = 80, share = 96,
                                   master = 112, ns = 120, id = 128, group = 132, size = 144;
    static constexpr std::uint32_t root = 0, super_block = 8, flags = 16;  // of vfsmount
  };
  struct File {
    static constexpr std::uint32_t path = 16, inode = 32, operations = 40, flags = 48, mode = 52,
                                   position = 56, private_data = 64, size = 80;
    static constexpr std::uint32_t user_path = 80;  // of backing_file
  };
  struct Inode {
    static constexpr std::uint32_t mode = 2, super_block = 8, mapping = 16, number = 24, rdev = 32, data = 40,
                                   private_data = 72, size = 80;
  };
  struct Super {
    static constexpr std::uint32_t dev = 4, type = 8, flags = 16, user_ns = 24, subtype = 32, size = 48;
  };
  struct Mapping {
    static constexpr std::uint32_t pages = 0, operations = 16, size = 24;  // xarray: head at 8
  };
  struct Area {
    static constexpr std::uint32_t start = 0, end = 8, next = 16, flags = 24, operations = 32, offset = 40,
                                   file = 48, private_data = 56, anon_name = 64, size = 80;
  };
  struct Mm {
    static constexpr std::uint32_t first = 8, pgd = 16, start_brk = 24, brk = 32, start_stack = 40,
                                   arg_start = 48, arg_end = 56, env_start = 64, env_end = 72, exe_file = 80,
                                   vdso = 88, vdso_image = 96, size = 104;
  };
  struct Files {
    static constexpr std::uint32_t table = 8, size = 16;
    static constexpr std::uint32_t max_fds = 0, fd = 8, close_on_exec = 16, open = 24;  // of fdtable
  };
  struct Page {
    static constexpr std::uint32_t flags = 0, index = 16, order = 64 + 8, size = 64;
    static constexpr unsigned head = 6, dirty = 4, up_to_date = 3;  // bits
  };

  FileWorld() {
    describe();
    root_super = super_block(8, 1, "ext4");
    root = dentry(Gva{0}, "/");
    root_mount = mount(Gva{0}, Gva{0}, root, root_super);
    const Gva init_task = kernel.define_variable("init_task", 64);
    fs = kernel.allocate(64);
    kernel.put_pointer(init_task + 8, fs.value);
    put_path(fs + 8, {root_mount, root});
    put_path(fs + 24, {root_mount, root});
    vmemmap = kernel.allocate(std::uint64_t{1024} * Page::size);
    kernel.put_pointer(kernel.define_variable("vmemmap_base", 8), vmemmap.value);
  }

  void put_path(Gva at, Path path) {
    kernel.put_pointer(at, path.mount.value);
    kernel.put_pointer(at + 8, path.dentry.value);
  }
  /// `parent` 0: a root. `hashed` false: it was deleted.
  Gva dentry(Gva parent, std::string_view name, Gva inode = Gva{0}, Gva operations = Gva{0},
             bool hashed = true) {
    const Gva made = kernel.allocate(Dentry::size);
    const Gva text = kernel.allocate(name.size() + 1);
    kernel.put_string(text, name);
    kernel.put_pointer(made + Dentry::hash + 8, hashed ? made.value : 0);
    kernel.put_pointer(made + Dentry::parent, parent == Gva{0} ? made.value : parent.value);
    kernel.put(made + Dentry::name + 4, static_cast<std::uint32_t>(name.size()));
    kernel.put_pointer(made + Dentry::name + 8, text.value);
    kernel.put_pointer(made + Dentry::inode, inode.value);
    kernel.put_pointer(made + Dentry::operations, operations.value);
    return made;
  }
  /// struct dentry_operations whose d_dname is a function of that name.
  Gva names_by(const std::string& function) {
    const Gva made = kernel.allocate(32), code = kernel.allocate(16);
    kernel.define(function, code, 't');
    kernel.put_pointer(made + 16, code.value);
    return made;
  }
  Gva super_block(unsigned major, unsigned minor, std::string_view type_name) {
    const Gva made = kernel.allocate(Super::size), type = kernel.allocate(16);
    const Gva text = kernel.allocate(type_name.size() + 1);
    kernel.put_string(text, type_name);
    kernel.put_pointer(type + 8, text.value);
    kernel.put(made + Super::dev, major << 20 | minor);
    kernel.put_pointer(made + Super::type, type.value);
    return made;
  }
  /// The struct vfsmount; `parent` 0: a top. Give it an id, a source and so on through mount_of().
  Gva mount(Gva parent, Gva point, Gva of_root, Gva super) {
    const Gva made = kernel.allocate(Mount::size), vfsmount = made + Mount::vfsmount;
    const Gva above = parent == Gva{0} ? made : mount_of(parent);
    kernel.put_pointer(made + Mount::parent, above.value);
    kernel.put_pointer(made + Mount::point, point.value);
    kernel.put_pointer(vfsmount + Mount::root, of_root.value);
    kernel.put_pointer(vfsmount + Mount::super_block, super.value);
    kernel.put_pointer(made + Mount::share, (made + Mount::share).value);
    kernel.put_pointer(made + Mount::share + 8, (made + Mount::share).value);
    kernel.put(made + Mount::id, next_id_++);
    return vfsmount;
  }
  static Gva mount_of(Gva vfsmount) { return Gva{vfsmount.value - Mount::vfsmount}; }

  Gva inode(std::uint64_t number, std::uint16_t mode, Gva super) {
    const Gva made = kernel.allocate(Inode::size);
    kernel.put(made + Inode::mode, mode);
    kernel.put_pointer(made + Inode::super_block, super.value);
    kernel.put_pointer(made + Inode::mapping, (made + Inode::data).value);
    kernel.put_pointer(made + Inode::number, number);
    return made;
  }
  Gva file(Path path, Gva inode, std::uint32_t mode = 3) {
    const Gva made = kernel.allocate(File::size + 16);
    put_path(made + File::path, path);
    kernel.put_pointer(made + File::inode, inode.value);
    kernel.put(made + File::mode, mode);
    return made;
  }
  /// A regular file /NAME of the root file system.
  Gva plain_file(std::string_view name, std::uint64_t number = 12) {
    last_inode = inode(number, 0100644, root_super);
    return file({root_mount, dentry(root, name, last_inode)}, last_inode);
  }
  /// struct files_struct with these descriptors.
  Gva files(const std::map<unsigned, Gva>& open, unsigned max_fds = 64) {
    const Gva made = kernel.allocate(Files::size), table = kernel.allocate(32);
    const Gva array = kernel.allocate(std::uint64_t{max_fds} * 8);
    close_on_exec = kernel.allocate(max_fds / 8 + 8);
    fdtable = table;
    kernel.put_pointer(made + Files::table, table.value);
    kernel.put(table + Files::max_fds, max_fds);
    kernel.put_pointer(table + Files::fd, array.value);
    kernel.put_pointer(table + Files::close_on_exec, close_on_exec.value);
    for (const auto& [fd, file] : open) kernel.put_pointer(array + std::uint64_t{fd} * 8, file.value);
    return made;
  }
  Gva area(std::uint64_t start, std::uint64_t end, std::uint64_t flags, Gva file = Gva{0},
           std::uint64_t page = 0) {
    const Gva made = kernel.allocate(Area::size);
    kernel.put(made + Area::start, start);
    kernel.put(made + Area::end, end);
    kernel.put(made + Area::flags, flags);
    kernel.put_pointer(made + Area::file, file.value);
    kernel.put(made + Area::offset, page);
    return made;
  }
  /// struct mm_struct with these areas.
  Gva mm(const std::vector<Gva>& areas) {
    const Gva made = kernel.allocate(Mm::size);
    Gva link = made + Mm::first;
    for (const Gva one : areas) {
      kernel.put_pointer(link, one.value);
      link = one + Area::next;
    }
    return made;
  }
  /// struct page of frame `frame`, as page `index` of a file.
  Gva page(std::uint64_t frame, std::uint64_t index, std::uint64_t flags = 1u << Page::up_to_date) {
    const Gva made = vmemmap + frame * Page::size;
    kernel.put(made + Page::flags, flags);
    kernel.put(made + Page::index, index);
    return made;
  }
  /// The page cache of `inode`: entries by index below 64.
  void cache(Gva inode, const std::map<unsigned, std::uint64_t>& entries) {
    const Gva node = kernel.allocate(600);
    for (const auto& [index, entry] : entries) kernel.put(node + 40 + std::uint64_t{index} * 8, entry);
    kernel.put(inode + Inode::data + Mapping::pages + 8, node.value | 2);
  }

  FakeKernel kernel;
  Gva root_super, root, root_mount, fs, vmemmap;
  Gva fdtable, close_on_exec;  ///< of the last files()
  Gva last_inode;              ///< of the last plain_file()

 private:
  void describe() {
    auto& w = kernel.btf_writer();
    const auto u8 = w.integer("unsigned char", 1), u16 = w.integer("unsigned short", 2),
               u32 = w.integer("unsigned int", 4), u64 = w.integer("unsigned long", 8),
               s32 = w.integer("int", 4, true), s64 = w.integer("long", 8, true), any = w.pointer(0);
    const auto path = w.struct_("path", 16, {{"mnt", any, 0}, {"dentry", any, 64}});
    const auto list = w.struct_("list_head", 16, {{"next", any, 0}, {"prev", any, 64}});
    const auto bl_node = w.struct_("hlist_bl_node", 16, {{"next", any, 0}, {"pprev", any, 64}});
    const auto qstr = w.struct_("qstr", 16, {{"hash", u32, 0}, {"len", u32, 32}, {"name", any, 64}});
    w.struct_("task_struct", 64, {{"fs", any, 64}, {"nsproxy", any, 128}});
    w.struct_("nsproxy", 16, {{"mnt_ns", any, 64}});
    w.struct_("fs_struct", 40, {{"root", path, 64}, {"pwd", path, 192}});
    w.struct_("dentry", Dentry::size,
              {{"d_hash", bl_node, Dentry::hash * 8},
               {"d_name", qstr, Dentry::name * 8},
               {"d_parent", any, Dentry::parent * 8},
               {"d_inode", any, Dentry::inode * 8},
               {"d_op", any, Dentry::operations * 8}});
    w.struct_("dentry_operations", 32, {{"d_dname", any, 128}});
    const auto vfsmount = w.struct_("vfsmount", 24,
                                    {{"mnt_root", any, Mount::root * 8},
                                     {"mnt_sb", any, Mount::super_block * 8},
                                     {"mnt_flags", s32, Mount::flags * 8}});
    w.struct_("mount", Mount::size,
              {{"mnt_parent", any, Mount::parent * 8},
               {"mnt_mountpoint", any, Mount::point * 8},
               {"mnt", vfsmount, Mount::vfsmount * 8},
               {"mnt_devname", any, Mount::devname * 8},
               {"mnt_list", list, Mount::list * 8},
               {"mnt_share", list, Mount::share * 8},
               {"mnt_master", any, Mount::master * 8},
               {"mnt_ns", any, Mount::ns * 8},
               {"mnt_id", s32, Mount::id * 8},
               {"mnt_group_id", s32, Mount::group * 8}});
    const auto ns = w.struct_("ns_common", 16, {{"ops", any, 0}, {"inum", u32, 64}});
    w.struct_("mnt_namespace", 40, {{"ns", ns, 0}, {"list", list, 128}});
    w.struct_("proc_ns_operations", 16, {{"name", any, 0}});
    w.struct_("super_block", Super::size,
              {{"s_dev", u32, Super::dev * 8},
               {"s_type", any, Super::type * 8},
               {"s_flags", u64, Super::flags * 8},
               {"s_user_ns", any, Super::user_ns * 8},
               {"s_subtype", any, Super::subtype * 8}});
    w.struct_("file_system_type", 16, {{"name", any, 64}});
    const auto file = w.struct_("file", File::size,
                                {{"f_path", path, File::path * 8},
                                 {"f_inode", any, File::inode * 8},
                                 {"f_op", any, File::operations * 8},
                                 {"f_flags", u32, File::flags * 8},
                                 {"f_mode", u32, File::mode * 8},
                                 {"f_pos", s64, File::position * 8},
                                 {"private_data", any, File::private_data * 8}});
    w.struct_("backing_file", File::size + 16, {{"file", file, 0}, {"user_path", path, File::user_path * 8}});
    const auto xarray = w.struct_("xarray", 16, {{"xa_head", any, 64}});
    const auto slots = w.array(any, 64);
    w.struct_("xa_node", 576, {{"shift", u8, 0}, {"slots", slots, 320}});
    w.struct_("address_space", Mapping::size,
              {{"i_pages", xarray, Mapping::pages * 8}, {"a_ops", any, Mapping::operations * 8}});
    w.struct_("inode", Inode::size,
              {{"i_mode", u16, Inode::mode * 8},
               {"i_sb", any, Inode::super_block * 8},
               {"i_mapping", any, Inode::mapping * 8},
               {"i_ino", u64, Inode::number * 8},
               {"i_rdev", u32, Inode::rdev * 8},
               {"i_private", any, Inode::private_data * 8}});
    w.struct_("files_struct", Files::size, {{"fdt", any, Files::table * 8}});
    w.struct_("fdtable", 32,
              {{"max_fds", u32, Files::max_fds * 8},
               {"fd", any, Files::fd * 8},
               {"close_on_exec", any, Files::close_on_exec * 8}});
    w.struct_("vm_area_struct", Area::size,
              {{"vm_start", u64, Area::start * 8},
               {"vm_end", u64, Area::end * 8},
               {"vm_next", any, Area::next * 8},
               {"vm_flags", u64, Area::flags * 8},
               {"vm_ops", any, Area::operations * 8},
               {"vm_pgoff", u64, Area::offset * 8},
               {"vm_file", any, Area::file * 8},
               {"vm_private_data", any, Area::private_data * 8},
               {"anon_name", any, Area::anon_name * 8}});
    w.struct_("vm_operations_struct", 16, {{"name", any, 64}});
    w.struct_("vm_special_mapping", 16, {{"name", any, 0}});
    const auto label = w.array(u8, 0);
    w.struct_("anon_vma_name", 4, {{"name", label, 32}});
    const auto context = w.struct_("mm_context_t", 16, {{"vdso", any, 0}, {"vdso_image", any, 64}});
    w.struct_("vdso_image", 16, {{"data", any, 0}, {"size", u64, 64}});
    w.struct_("mm_struct", Mm::size,
              {{"mmap", any, Mm::first * 8},
               {"pgd", any, Mm::pgd * 8},
               {"start_brk", u64, Mm::start_brk * 8},
               {"brk", u64, Mm::brk * 8},
               {"start_stack", u64, Mm::start_stack * 8},
               {"arg_start", u64, Mm::arg_start * 8},
               {"arg_end", u64, Mm::arg_end * 8},
               {"env_start", u64, Mm::env_start * 8},
               {"env_end", u64, Mm::env_end * 8},
               {"exe_file", any, Mm::exe_file * 8},
               {"context", context, Mm::vdso * 8}});
    w.struct_("page", Page::size, {{"flags", u64, Page::flags * 8}, {"index", u64, Page::index * 8}});
    w.struct_("folio", std::uint32_t{2} * Page::size,
              {{"index", u64, Page::index * 8}, {"_folio_order", u8, Page::order * 8}});
    w.enum_("pageflags",
            {{"PG_head", Page::head}, {"PG_dirty", Page::dirty}, {"PG_uptodate", Page::up_to_date}});
  }

  std::int32_t next_id_ = 20;
};

}  // namespace ringside::testing
