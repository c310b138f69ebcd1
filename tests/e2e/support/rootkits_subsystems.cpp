// SPDX-License-Identifier: Apache-2.0
// Rootkits that change what the kernel calls: hooks, handlers, operations.
#include "tests/e2e/support/rootkit_lists.h"

#include <fmt/format.h>

#include <utility>

namespace ringside::lab {

namespace {

/// SQL for where a member of struct proc_dir_entry stands: no header tells.
std::string offset(const std::string& member) {
  return "{{SELECT offset FROM type_members WHERE type = 'proc_dir_entry' AND member = '" + member + "'}}";
}
std::string proc_offsets() {
  return "node_offset=" + offset("subdir_node") + " name_offset=" + offset("name") +
         " subdir_offset=" + offset("subdir") + " ops_offset=" + offset("proc_ops") +
         " show_offset=" + offset("single_show");
}

}  // namespace

std::vector<Rootkit> subsystem_rootkits() {
  const std::string kNotifiers = "linux-notifiers/function-in-text";
  std::vector<Rootkit> all;
  for (const auto& [chain, list] : {std::pair{"die", "die_chain"},
                                    {"panic", "panic_notifier_list"},
                                    {"reboot", "reboot_notifier_list"},
                                    {"netdev", "netdev_chain"},
                                    {"inetaddr", "inetaddr_chain"},
                                    {"module", "module_notify_list"},
                                    {"nmi", "nmi_local"}})
    all.push_back(module("notifier", fmt::format("chain={}", chain), kNotifiers, {list, kNobody}));
  all.push_back(module("notifier", "how=module chain=module", "linux-notifiers/keyboard-and-modules",
                       {"module_notify_list", "hooked_notifier", "module notifier"}));
  all.push_back(module("notifier", "how=module chain=keyboard", "linux-notifiers/keyboard-and-modules",
                       {"keyboard_notifier_list", "hooked_notifier", "module notifier"},
                       "register_keyboard_notifier", "this kernel has no keyboard"));
  const std::vector<Rootkit> more = {
      module("netfilter", "", "linux-network-hooks/netfilter", {"ipv4 LOCAL_IN", kNobody}),
      module("packet_handler", "", "linux-network-hooks/packet-handlers", {"34997", kNobody}),
      module("protocol", "how=function", "linux-network-hooks/protocols",
             {"ioctl", "hooked_ioctl", "module protocol"}),
      module("protocol", "how=table", "linux-network-hooks/protocol-tables",
             {"inetsw", "prot", "direct_map"}),
      module("timer", "how=timer", "linux-execution/timers", {"timer", kNobody}),
      module("timer", "how=hrtimer", "linux-execution/timers", {"hrtimer", kNobody}),
      module("timer", "how=work", "linux-execution/timers", {"work.func", kNobody}),
      module("thread", "how=thread", "linux-execution/threads", {"ringside-attack", kNobody}),
      module("thread", "how=work", "linux-execution/work", {kNobody}),
      module("interrupt", "", "linux-execution/interrupts", {"ringside-attack", kNobody}),
      module("callback", "how=cpu", "linux-execution/callbacks", {"ringside:attack", kNobody}),
      module("callback", "how=measure", "linux-execution/callbacks", {"ringside_attack", kNobody}),
      module("softirq", "", "linux-execution/softirqs", {"IRQ_POLL", "hooked_softirq", "module softirq"}),
      module("sysrq_key", "", "linux-terminals/sysrq", {"key x", kNobody}),
      module("input_handler", "", "linux-terminals/input", {"event of ringside", kNobody}),
      told("socket_hook", "how=ready", kListener, "linux-network-hooks/sockets",
           {"sk_data_ready", "nc", kNobody}),
      told("socket_hook", "how=protocol", kListener, "linux-network-hooks/socket-tables",
           {"sk_prot", "nc", "direct_map"}),
      module("device_operations", "how=table", "linux-network-hooks/device-tables",
             {"netdev_ops", "dummy0", "direct_map"}),
      module("device_operations", "how=receive", "linux-network-hooks/devices",
             {"rx_handler", "dummy0", kNobody}),
      module("binary_format", "", "linux-execution/binary-formats", {"load_binary", kNobody}),
  };
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

std::vector<Rootkit> file_rootkits() {
  return {
      told("sysctl", "", "table={{SELECT gva FROM sysctl_handlers WHERE name = 'kernel.tainted'}}",
           "linux-execution/sysctl", {"kernel.tainted", "hooked_handler", "module sysctl"}),
      module("seq_show", "how=show", "linux-file-operations/sequences",
             {"tcp4_seq_ops", "show", "hooked_show", "module seq_show"}),
      module("seq_show", "how=middle", "linux-file-operations/sequences", {"tcp4_seq_ops", "next", "+0x7"}),
      module("file_operations", "how=root_data", "linux-file-operations/objects",
             {"proc", "i_fop", "copy [file_operations]", "module file_operations"}),
      module("file_operations", "how=root_rodata", "linux-file-operations/objects",
             {"proc", "i_fop", "module file_operations"}),
      module("file_operations", "how=inode", "linux-file-operations/objects",
             {"proc", "i_op", "module file_operations"}),
      module("file_operations", "how=pages", "linux-file-operations/objects",
             {"proc", "a_ops", "module file_operations"}),
      module("file_operations", "how=iterate", "linux-file-operations/table-functions",
             {"iterate_shared", "hooked_iterate", "module file_operations"}),
      module("file_operations", "how=super", "linux-file-operations/objects",
             {"proc", "s_op", "module file_operations"}),
      module("file_operations", "how=dentry", "linux-file-operations/objects",
             {"proc", "d_op", "module file_operations"}),
      told("proc_file", "how=table", proc_offsets(), "linux-file-operations/proc-tables",
           {"/proc/modules", "proc_ops", "module proc_file"}),
      told("proc_file", "how=show", proc_offsets(), "linux-file-operations/kernel-entries-unchanged",
           {"/proc/version", "single_show", "hooked_show", "module proc_file"}),
      told("proc_file", "how=nobody", proc_offsets(), "linux-file-operations/proc-functions",
           {"/proc/version", "single_show", kNobody}),
      module("file_system", "", "linux-file-operations/file-systems", {"ringside_attack", kNobody}),
      module("character_device", "how=table", "linux-file-operations/character-devices",
             {"ops of device", "direct_map"}),
      module("character_device", "how=finder", "linux-file-operations/character-device-finders",
             {"cdev_map", kNobody}),
      module("terminal", "how=discipline", "linux-terminals/registered-disciplines", {"ttyS0", "direct_map"}),
      module("terminal", "how=table", "linux-terminals/terminal-tables", {"ttyS0", "direct_map"}),
      module("terminal", "how=receive", "linux-terminals/line-disciplines",
             {"n_tty", "receive_buf2", "hooked_receive", "module terminal"}),
  };
}

}  // namespace ringside::lab
