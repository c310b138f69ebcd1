// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/unit/support/btf_writer.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace ringside::testing {

/// The types of TraceWorld; offsets as it names them.
class TraceTypes {
 public:
  explicit TraceTypes(BtfWriter& btf) : btf_(btf) {}

  void tracing(bool newer) {
    struct_("ftrace_ops_hash", 16, {{"notrace_hash", ptr, 0}, {"filter_hash", ptr, 8}});
    const auto ops = struct_("ftrace_ops", 64,
                             {{"func", ptr, 0},
                              {"next", ptr, 8},
                              {"flags", word, 16},
                              {"saved_func", ptr, 24},
                              {"func_hash", ptr, 32},
                              {"trampoline", word, 40},
                              {"trampoline_size", word, 48}});
    struct_("ftrace_hash", 24, {{"size_bits", word, 0}, {"buckets", ptr, 8}, {"count", word, 16}});
    struct_("ftrace_func_entry", 32, {{"hlist", pair, 0}, {"ip", word, 16}, {"direct", word, 24}});
    const auto probe = struct_("kprobe", 64,
                               {{"hlist", pair, 0},
                                {"list", pair, 16},
                                {"addr", ptr, 32},
                                {"pre_handler", ptr, 40},
                                {"post_handler", ptr, 48},
                                {"flags", u32, 56}});
    struct_("kretprobe", 96,
            {{"kp", probe, 0}, {"handler", ptr, 64}, {"entry_handler", ptr, 72}, {"rh", ptr, 80}});
    struct_("rethook", 16, {{"data", ptr, 0}, {"handler", ptr, 8}});
    struct_("fprobe", 96,
            {{"ops", ops, 0}, {"flags", u32, 64}, {"entry_handler", ptr, 72}, {"exit_handler", ptr, 80}});
    struct_("uprobe", 64,
            {{"rb_node", triple, 0},
             {"consumers", newer ? pair : ptr, 24},
             {"inode", ptr, 40},
             {"offset", word, 48}});
    struct_("uprobe_consumer", 48,
            {{"handler", ptr, 0},
             {"ret_handler", ptr, 8},
             {"filter", ptr, 16},
             newer ? Member{"cons_node", pair, 24} : Member{"next", ptr, 24}});
    struct_("inode", 32, {{"i_ino", word, 0}, {"i_dentry", pair, 8}});
    const auto key = struct_("static_key", 16, {{"enabled", counter, 0}, {"type", word, 8}});
    struct_("static_key_false", 16, {{"key", key, 0}});
    struct_("tracepoint", 64,
            {{"name", ptr, 0},
             {"key", key, 8},
             {"static_call_key", ptr, 16},
             {"iterator", ptr, 24},
             {"regfunc", ptr, 32},
             {"unregfunc", ptr, 40},
             {"funcs", ptr, 48}});
    struct_("tracepoint_func", 24, {{"func", ptr, 0}, {"data", ptr, 8}, {"prio", i32, 16}});
    struct_("static_call_key", 16, {{"func", ptr, 0}, {"type", word, 8}});
    struct_("klp_patch", 48,
            {{"mod", ptr, 0}, {"list", pair, 8}, {"obj_list", pair, 24}, {"enabled", u8, 40}});
    struct_("klp_object", 48, {{"name", ptr, 0}, {"func_list", pair, 8}, {"node", pair, 24}});
    struct_("klp_func", 64,
            {{"old_name", ptr, 0},
             {"new_func", ptr, 8},
             {"old_func", ptr, 16},
             {"node", pair, 24},
             {"stack_node", pair, 40}});
    struct_("klp_ops", 32, {{"node", pair, 0}, {"func_stack", pair, 16}});
  }

  void security(bool newer) {
    if (!newer) {
      struct_("security_hook_list", 32, {{"list", pair, 0}, {"hook", ptr, 16}, {"lsm", ptr, 24}});
      struct_("security_hook_heads", 16, {{"file_open", ptr, 0}, {"inode_permission", ptr, 8}});
      return;
    }
    struct_("security_hook_list", 32, {{"scalls", ptr, 0}, {"hook", ptr, 16}, {"lsmid", ptr, 24}});
    struct_("lsm_id", 16, {{"name", ptr, 0}, {"id", word, 8}});
    const auto call =
        struct_("lsm_static_call", 32,
                {{"key", ptr, 0}, {"trampoline", ptr, 8}, {"hl", ptr, 16}, {"active", ptr, 24}});
    const auto places = btf_.array(call, 2);
    struct_("lsm_static_calls_table", 128, {{"file_open", places, 0}, {"inode_permission", places, 64}});
  }

  void bpf(bool newer) {
    btf_.enum_(
        "bpf_prog_type",
        {{"BPF_PROG_TYPE_UNSPEC", 0}, {"BPF_PROG_TYPE_SOCKET_FILTER", 1}, {"BPF_PROG_TYPE_KPROBE", 2}});
    btf_.enum_("bpf_map_type", {{"BPF_MAP_TYPE_HASH", 1}});
    btf_.enum_("bpf_link_type", {{"BPF_LINK_TYPE_RAW_TRACEPOINT", 1}});
    struct_("bpf_prog", 48,
            {{"jited", u32, 0},
             {"type", u32, 4},
             {"len", u32, 8},
             {"jited_len", u32, 12},
             {"tag", btf_.array(u8, 8), 16},
             {"aux", ptr, 24},
             {"bpf_func", ptr, 32},
             {"insnsi", btf_.array(word, 0), 40}});
    const auto references = struct_("atomic64_t_", 8, {{"counter", word, 0}});
    struct_("bpf_prog_aux", 72,
            {{"refcnt", references, 0},
             {"id", u32, 8},
             {"used_map_cnt", u32, 12},
             {"func_cnt", u32, 16},
             {"func", ptr, 24},
             {"user", ptr, 32},
             {"load_time", word, 40},
             {"name", btf_.array(u8, 16), 48},
             {"attach_func_name", ptr, 64}});
    const auto uid = struct_("kuid_t_", 4, {{"val", u32, 0}});
    struct_("user_struct", 16, {{"uid", uid, 8}});
    struct_("bpf_map", 48,
            {{"ops", ptr, 0}, {"id", u32, 8}, {"map_type", u32, 12}, {"name", btf_.array(u8, 16), 16}});
    const auto link =
        struct_("bpf_link", 24, {{"ops", ptr, 0}, {"id", u32, 8}, {"type", u32, 12}, {"prog", ptr, 16}});
    struct_("bpf_raw_tp_link", 32, {{"link", link, 0}, {"btp", ptr, 24}});
    struct_("bpf_raw_event_map", 8, {{"tp", ptr, 0}});
    const auto tree = struct_("xarray", 8, {{"xa_head", ptr, 0}});
    struct_("idr", 16, {{"idr_rt", tree, 0}});
    struct_("xa_node", 8 + 8 * 64, {{"shift", u8, 0}, {"slots", btf_.array(ptr, 64), 8}});
    struct_("vmap_area", 64,
            {{"va_start", word, 0},
             {"rb_node", triple, 8},
             {"list", pair, 32},
             {"vm", ptr, 48},
             {"va_end", word, 56}});
    struct_("vm_struct", 40,
            {{"flags", word, 0}, {"caller", ptr, 8}, {"pages", ptr, 16}, {"nr_pages", u32, 24}});
    if (newer) {
      const auto root = struct_("rb_list", 8, {{"root", ptr, 0}});
      struct_("vmap_node", 32, {{"busy", root, 8}});
    }
  }

 private:
  using Id = BtfWriter::Id;
  struct Member {
    std::string_view name;
    Id type;
    std::uint32_t offset;
  };
  Id struct_(std::string_view name, std::uint32_t size, const std::vector<Member>& members) {
    std::vector<BtfWriter::Member> written;
    for (const Member& one : members) written.push_back({one.name, one.type, one.offset * 8});
    return btf_.struct_(name, size, written);
  }

  BtfWriter& btf_;
  const Id u8 = btf_.integer("u8", 1), u32 = btf_.integer("u32", 4), i32 = btf_.integer("s32", 4, true),
           word = btf_.integer("u64", 8), ptr = btf_.pointer(0), pair = btf_.array(word, 2),
           triple = btf_.array(word, 3), counter = struct_("atomic_t__", 4, {{"counter", i32, 0}});
};

/// `newer`: as TraceWorld::Age says.
inline void describe_trace_types(BtfWriter& btf, bool newer) {
  TraceTypes types(btf);
  types.tracing(newer);
  types.security(newer);
  types.bpf(newer);
}

}  // namespace ringside::testing
