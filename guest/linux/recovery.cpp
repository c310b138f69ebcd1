// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/recovery.h"

namespace ringside::guest::linux {

std::uint32_t Recovery::variable(std::string_view name) {
  const auto found = kernel().find_symbol(name);
  return found ? static_cast<std::uint32_t>(found->value) : 0;
}

void Recovery::add_pointer(std::string_view type, std::string_view member, std::uint32_t offset) {
  Field field;
  field.offset = offset;
  field.size = 4;
  field.is_pointer = true;
  types.add(type, member, field);
}

void Recovery::add_number(std::string_view type, std::string_view member, std::uint32_t offset,
                          std::uint32_t size, bool is_signed) {
  Field field;
  field.offset = offset;
  field.size = size;
  field.is_signed = is_signed;
  types.add(type, member, field);
}

void Recovery::add_struct(std::string_view type, std::string_view member, std::uint32_t offset,
                          std::uint32_t size, std::string_view inner) {
  Field field;
  field.offset = offset;
  field.size = size;
  types.add(type, member, field, inner);
}

void Recovery::add_array(std::string_view type, std::string_view member, std::uint32_t offset,
                         std::uint32_t count, std::uint32_t element_size) {
  Field field;
  field.offset = offset;
  field.size = count * element_size;
  field.count = count;
  field.element_size = element_size;
  types.add(type, member, field);
}

bool Recovery::release_is_at_least(unsigned major, unsigned minor) {
  const auto& identity = kernel().identity();
  return identity.major > major || (identity.major == major && identity.minor >= minor);
}

/// What has been so on i386 in all releases that are looked at, without a debugging option that would show
/// elsewhere. Sources: include/linux/types.h, rbtree.h, path.h, dcache.h, mount.h, fs/mount.h, module.h,
/// kernel.h, nsproxy.h, capability.h; include/uapi/linux/elf.h.
void add_lasting_layouts(Recovery& r) {
  r.add_pointer("list_head", "next", 0);
  r.add_pointer("list_head", "prev", 4);
  r.types.add_size("list_head", 8);
  r.add_pointer("hlist_head", "first", 0);
  r.types.add_size("hlist_head", 4);
  r.add_pointer("hlist_node", "next", 0);
  r.add_pointer("hlist_node", "pprev", 4);
  r.types.add_size("hlist_node", 8);
  r.add_pointer("hlist_nulls_head", "first", 0);
  r.add_pointer("hlist_nulls_node", "next", 0);
  r.add_pointer("hlist_nulls_node", "pprev", 4);
  r.add_number("rb_node", "__rb_parent_color", 0);
  r.add_pointer("rb_node", "rb_right", 4);
  r.add_pointer("rb_node", "rb_left", 8);
  r.types.add_size("rb_node", 12);
  r.add_pointer("rb_root", "rb_node", 0);
  r.types.add_size("rb_root", 4);
  r.add_pointer("path", "mnt", 0);
  r.add_pointer("path", "dentry", 4);
  r.types.add_size("path", 8);
  r.add_array("kernel_cap_struct", "cap", 0, 2, 4);
  r.types.add_size("kernel_cap_struct", 8);
  r.types.add_size("kernel_cap_t", 8);
  r.types.add_size("int", 4);
  r.types.add_size("unsigned int", 4);
  r.types.add_size("long", 4);
  r.types.add_size("long unsigned int", 4);

  r.add_number("static_key", "enabled", 0);
  // include/linux/kprobes.h from 5.14 on, arch/x86/include/asm/kprobes.h.
  if (r.release_is_at_least(5, 14)) {
    r.add_struct("kprobe", "hlist", 0, 8, "hlist_node");
    r.add_pointer("kprobe", "addr", 20);
    r.add_number("kprobe", "opcode", 40, 1);
    r.add_number("kprobe", "flags", 64);
    r.add_struct("optimized_kprobe", "kp", 0, 68, "kprobe");
    r.add_list("optimized_kprobe", "list", 68);
    r.add_struct("optimized_kprobe", "optinsn", 76, 12, "arch_optimized_insn");
    r.add_array("arch_optimized_insn", "copied_insn", 0, 4, 1);
    r.add_pointer("arch_optimized_insn", "insn", 4);
  }
  // include/linux/vmalloc.h, the same from 5.10 to 6.1 where huge pages are not used for vmalloc.
  r.add_number("vmap_area", "va_start", 0);
  r.add_number("vmap_area", "va_end", 4);
  r.add_list("vmap_area", "list", 20);
  r.add_pointer("vmap_area", "vm", 28);
  r.add_number("vm_struct", "flags", 12);
  r.add_pointer("vm_struct", "pages", 16);
  r.add_number("vm_struct", "nr_pages", 20);
  // phys_addr_t stands before it.
  const bool pae = r.kernel().identity().root.mode == x86::PagingMode::pae;
  r.add_pointer("vm_struct", "caller", pae ? 32 : 28);

  r.types.add_enumerator("module_state", "MODULE_STATE_LIVE", 0);
  r.types.add_enumerator("module_state", "MODULE_STATE_COMING", 1);
  r.types.add_enumerator("module_state", "MODULE_STATE_GOING", 2);
  r.types.add_enumerator("module_state", "MODULE_STATE_UNFORMED", 3);
  // include/linux/kernel.h; 5.16 put SYSTEM_FREEING_INITMEM in.
  if (!r.release_is_at_least(5, 11)) r.types.add_enumerator("system_states", "SYSTEM_RUNNING", 2);
  if (r.release_is_at_least(6, 1)) r.types.add_enumerator("system_states", "SYSTEM_RUNNING", 3);
  r.types.add_enumerator("pid_type", "PIDTYPE_PID", 0);
  r.types.add_enumerator("pid_type", "PIDTYPE_TGID", 1);
  r.types.add_enumerator("pid_type", "PIDTYPE_PGID", 2);
  r.types.add_enumerator("pid_type", "PIDTYPE_SID", 3);
}

}  // namespace ringside::guest::linux
