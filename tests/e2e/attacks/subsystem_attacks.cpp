// SPDX-License-Identifier: Apache-2.0
// Pointers of subsystems that lead to nobody's memory, and settings that the kernel would not have changed.
#include "base/bytes.h"
#include "tests/e2e/support/attack.h"

#include <cstdint>
#include <span>
#include <string>
#include <utility>

namespace ringside::lab {

namespace {

using policies::Database;
using policies::Value;

/// An address of memory that the kernel has and no code is in: of the direct map.
constexpr const char* kNobody = "(coalesce(read_u64(addr('page_offset_base')), 0xc0000000) + 0x100000)";

Bytes bytes_of(std::uint64_t value, std::size_t size) {
  const auto all = std::as_bytes(std::span(&value, 1));
  return Bytes(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(size));
}

/// `sql` gives one row: where, and the number of `size` bytes (0: a pointer) that is written there. No row:
/// nothing to attack.
Result<std::vector<Poke>> poke_number(Database& database, const std::string& sql, std::size_t size = 0) {
  RINGSIDE_TRY(const auto found, database.query(sql + " LIMIT 1"));
  RINGSIDE_TRY(const auto width, database.query("SELECT bits / 8 FROM kernel"));
  if (size == 0 && !width.rows.empty())
    size = static_cast<std::size_t>(std::get<std::int64_t>(width.rows[0].at(0)));
  if (found.rows.empty()) return std::vector<Poke>{};
  const auto* place = std::get_if<std::int64_t>(&found.rows[0].at(0));
  const auto* value = std::get_if<std::int64_t>(&found.rows[0].at(1));
  if (place == nullptr || value == nullptr) return std::vector<Poke>{};
  return std::vector<Poke>{
      {guest::Gva{static_cast<std::uint64_t>(*place)}, bytes_of(static_cast<std::uint64_t>(*value), size)}};
}

/// The pointer that `from` chooses ("timers WHERE ...") leads to nobody's memory.
Attack redirect(std::string name, std::string technique, std::string check, const std::string& from) {
  return {std::move(name), std::move(technique), std::move(check), [from](Database& database) {
            return poke_number(database, std::string("SELECT gva, ") + kNobody + " FROM " + from);
          }};
}

/// A text of a setting becomes another.
Attack rename(std::string name, std::string technique, std::string check, const std::string& setting,
              const std::string& text) {
  return {std::move(name), std::move(technique), std::move(check),
          [setting, text](Database& database) -> Result<std::vector<Poke>> {
            RINGSIDE_TRY(const auto found,
                         database.query("SELECT gva FROM kernel_settings WHERE name = '" + setting + "'"));
            if (found.rows.empty()) return std::vector<Poke>{};
            const auto place = static_cast<std::uint64_t>(std::get<std::int64_t>(found.rows[0].at(0)));
            const auto bytes = std::as_bytes(std::span(text.c_str(), text.size() + 1));
            return std::vector<Poke>{{guest::Gva{place}, Bytes(bytes.begin(), bytes.end())}};
          }};
}

void add_notifiers(std::vector<Attack>& all) {
  all.push_back(redirect("redirect a block of the die chain", "rootkits that swallow their own oopses",
                         "linux-notifiers/function-in-text",
                         "notifiers WHERE chain = 'die_chain' ORDER BY priority"));
  all.push_back(redirect(
      "redirect a block of the chain of modules", "Singularity: a module notifier that keeps detectors out",
      "linux-notifiers/function-in-text", "notifiers WHERE chain = 'module_notify_list' ORDER BY gva"));
  all.push_back({"put a module's block on the keyboard's chain", "keyloggers by register_keyboard_notifier()",
                 "linux-notifiers/keyboard-and-modules", [](Database& database) {
                   return poke_number(
                       database,
                       "SELECT addr('keyboard_notifier_list') + (SELECT offset FROM type_members WHERE "
                       "type = 'atomic_notifier_head' AND member = 'head'), block FROM notifiers "
                       "WHERE module IS NOT NULL AND chain = 'netdev_chain' ORDER BY gva");
                 }});
}

void add_network(std::vector<Attack>& all) {
  all.push_back(redirect("redirect a netfilter hook", "KoviD, Reptile: hooks that wait for a magic packet",
                         "linux-network-hooks/netfilter", "netfilter_hooks ORDER BY gva"));
  all.push_back(redirect("redirect the receiver of IPv4 packets", "backdoors by dev_add_pack()",
                         "linux-network-hooks/packet-handlers",
                         "packet_handlers WHERE protocol = 2048 AND slot = 'func'"));
  all.push_back(
      redirect("redirect tcp_prot.sendmsg", "sniffers in struct proto", "linux-network-hooks/protocols",
               "network_protocols WHERE list = 'proto_list' AND name = 'TCP' AND slot = 'sendmsg'"));
  all.push_back(redirect("give an interface operations of its own", "traffic hidden by ndo_start_xmit",
                         "linux-network-hooks/device-tables",
                         "device_operations WHERE device = 'lo' AND slot = 'netdev_ops'"));
  all.push_back({"point into the middle of a function", "an ops pointer into the middle of a kernel function",
                 "linux-network-hooks/protocols", [](Database& database) {
                   return poke_number(database,
                                      "SELECT gva, function + 5 FROM network_protocols WHERE list = "
                                      "'proto_list' AND name = 'UDP' AND slot = 'sendmsg'");
                 }});
  all.push_back(redirect("redirect sk_data_ready of a socket", "backdoors in open connections",
                         "linux-network-hooks/sockets",
                         "socket_operations WHERE slot = 'sk_data_ready' ORDER BY gva"));
  all.push_back(redirect("give a socket a protocol of its own", "sk_prot copied and changed",
                         "linux-network-hooks/socket-tables",
                         "socket_operations WHERE slot = 'sk_prot' ORDER BY gva"));
  all.push_back({"take an interface's packets away", "rx_handler of a sniffer", "linux-network-hooks/devices",
                 [](Database& database) {
                   return poke_number(database,
                                      std::string("SELECT i.gva + m.offset, ") + kNobody +
                                          " FROM interfaces AS i, type_members AS m WHERE i.name = 'lo' "
                                          "AND m.type = 'net_device' AND m.member = 'rx_handler'");
                 }});
}

void add_files(std::vector<Attack>& all) {
  all.push_back(redirect("give /proc/modules operations of its own", "proc_ops of a hidden module's",
                         "linux-file-operations/proc-tables",
                         "proc_entries WHERE path = '/proc/modules' AND slot = 'proc_ops'"));
  all.push_back(redirect("redirect what shows /proc/cmdline", "single_show of a file of /proc",
                         "linux-file-operations/proc-functions",
                         "proc_entries WHERE path = '/proc/cmdline' AND slot = 'single_show'"));
  all.push_back(redirect("redirect tcp4_seq_ops.show", "adore-ng, Suterusu, Nuk3Gh0st: connections hidden",
                         "linux-file-operations/sequences",
                         "sequence_operations WHERE name = 'tcp4_seq_ops' AND slot = 'show'"));
  all.push_back(redirect("give the root of /proc operations of its own", "adore-ng: iterate of /proc",
                         "linux-file-operations/objects",
                         "file_operations WHERE object = 'root' AND name = 'proc' AND slot = 'i_fop'"));
  all.push_back(redirect("redirect kill_sb of a file system", "functions of struct file_system_type",
                         "linux-file-operations/file-systems",
                         "file_systems WHERE name = 'proc' AND slot = 'kill_sb'"));
  all.push_back(redirect("give a device operations of its own", "control devices hidden behind /dev/null",
                         "linux-file-operations/character-devices",
                         "character_devices WHERE list = 'misc_list' ORDER BY gva"));
}

void add_terminals(std::vector<Attack>& all) {
  all.push_back(redirect("redirect receive_buf of n_tty", "keyloggers in the line discipline",
                         "linux-terminals/line-disciplines",
                         "line_disciplines WHERE number = 0 AND slot = 'receive_buf'"));
  all.push_back(redirect("give a terminal a line discipline of its own", "vlogger: ldisc of one terminal",
                         "linux-terminals/registered-disciplines",
                         "tty_drivers WHERE slot = 'ldisc' ORDER BY gva"));
  all.push_back(redirect("give a driver of terminals operations of its own", "tty_operations of a sniffer",
                         "linux-terminals/terminal-tables",
                         "tty_drivers WHERE slot = 'ops' AND list = 'tty_drivers' ORDER BY gva"));
  all.push_back(redirect("redirect a handler of input", "keyloggers by input_register_handler()",
                         "linux-terminals/input",
                         "input_handlers WHERE list = 'input_handler_list' ORDER BY gva"));
  all.push_back(
      {"redirect a SysRq key", "backdoors on SysRq", "linux-terminals/sysrq", [](Database& database) {
         // The first word of `modules` leads to a module's data.
         return poke_number(database,
                            "SELECT addr('sysrq_key_table') + bits / 8 * 11, addr('modules') "
                            "FROM sysrq_keys, kernel WHERE key = 'b'");
       }});
}

void add_execution(std::vector<Attack>& all) {
  all.push_back(redirect("redirect a timer", "code that comes back by itself", "linux-execution/timers",
                         "timers WHERE kind = 'timer' AND slot = 'function' ORDER BY gva"));
  all.push_back(redirect("redirect delayed work", "KoviD: work that hides again and again",
                         "linux-execution/timers", "timers WHERE slot = 'work.func' ORDER BY gva"));
  all.push_back(redirect("redirect a softirq", "softirq_vec", "linux-execution/softirqs",
                         "softirqs WHERE name = 'NET_RX'"));
  all.push_back(redirect("redirect a handler of an interrupt", "keyloggers on interrupt 1",
                         "linux-execution/interrupts",
                         "interrupt_handlers WHERE slot = 'handler' ORDER BY irq"));
  all.push_back(redirect("a kernel thread of nobody's", "threads of hidden modules",
                         "linux-execution/threads", "kernel_threads ORDER BY pid DESC"));
  all.push_back(redirect("redirect a loader of programs", "rootkits by register_binfmt()",
                         "linux-execution/binary-formats",
                         "binary_formats WHERE slot = 'load_binary' ORDER BY place"));
  all.push_back(redirect(
      "redirect the clock", "functions of struct clocksource", "linux-execution/callbacks",
      "kernel_callbacks WHERE list = 'clocksource_list' AND slot = 'suspend' OR list = 'cpuhp_hp_states' "
      "ORDER BY list DESC, gva DESC"));
  all.push_back({"redirect the handler of a sysctl", "proc_handler of kernel.modprobe",
                 "linux-execution/sysctl", [](Database& database) {
                   return poke_number(database,
                                      std::string("SELECT s.gva + m.offset, ") + kNobody +
                                          " FROM sysctl_handlers AS s, type_members AS m WHERE s.name = "
                                          "'kernel.modprobe' AND m.type = 'ctl_table' AND m.member = "
                                          "'proc_handler'");
                 }});
}

void add_settings(std::vector<Attack>& all) {
  all.push_back(rename("change modprobe_path", "exploits that have the kernel run their program as root",
                       "linux-settings/helpers", "modprobe_path", "/tmp/x"));
  all.push_back(rename("give core dumps to a program in /tmp", "core_pattern as a way to root",
                       "linux-settings/core-dumps", "core_pattern", "|/tmp/x"));
  all.push_back({"clear the taint of a module", "KoviD, Singularity: tainted_mask", "linux-settings/taints",
                 [](Database& database) {
                   // The module has one that the kernel has not.
                   return poke_number(
                       database,
                       "SELECT gva, 0x1000 FROM (SELECT m.gva + t.offset AS gva FROM modules "
                       "AS m, type_members AS t WHERE t.type = 'module' AND t.member = 'taints' "
                       "ORDER BY m.gva) WHERE (SELECT number & 0x1000 FROM kernel_settings "
                       "WHERE name = 'tainted_mask') = 0");
                 }});
  all.push_back({"make read-only data writable", "kernel_set_to_readonly", "linux-settings/read-only",
                 [](Database& database) {
                   return poke_number(
                       database, "SELECT gva, 0 FROM kernel_settings WHERE name = 'kernel_set_to_readonly'",
                       4);
                 }});
}

}  // namespace

std::vector<Attack> subsystem_attacks() {
  std::vector<Attack> all;
  add_notifiers(all);
  add_network(all);
  add_files(all);
  add_terminals(all);
  add_execution(all);
  add_settings(all);
  return all;
}

}  // namespace ringside::lab
