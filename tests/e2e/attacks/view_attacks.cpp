// SPDX-License-Identifier: Apache-2.0
// What takes a module, a process, credentials or a socket out of the kernel's records, or puts them where
// they do not belong. Each attack is a query whose rows say what to write: where, which number, in how many
// bytes. $W in it stands for the bytes of a pointer.
#include "tests/e2e/support/attack.h"

#include <utility>

namespace ringside::lab {

namespace {

using policies::Value;

std::uint64_t number(const Value& value) {
  const auto* integer = std::get_if<std::int64_t>(&value);
  return integer == nullptr ? 0 : static_cast<std::uint64_t>(*integer);
}

Result<std::vector<Poke>> pokes(policies::Database& database, std::string sql) {
  RINGSIDE_TRY(const auto width, database.query("SELECT bits / 8 FROM kernel"));
  std::vector<Poke> all;
  if (width.rows.empty()) return all;
  for (std::size_t place; (place = sql.find("$W")) != std::string::npos;)
    sql.replace(place, 2, std::to_string(number(width.rows[0][0])));
  RINGSIDE_TRY(const auto found, database.query(sql));
  for (const auto& row : found.rows) {
    if (row.size() != 3) return fail(Errc::invalid_argument, "an attack's query gives three columns");
    // A kernel without types does not tell where a member stands.
    if (!std::holds_alternative<std::int64_t>(row[0])) return std::vector<Poke>{};
    Bytes bytes;
    for (std::uint64_t i = 0; i < number(row[2]) && i < 8; ++i)
      bytes.push_back(static_cast<std::byte>(number(row[1]) >> (8 * i)));
    all.push_back({guest::Gva{number(row[0])}, std::move(bytes)});
  }
  return all;
}

/// Offset of a member, as SQL.
std::string at(const std::string& type, const std::string& member) {
  return "(SELECT offset FROM type_members WHERE type = '" + type + "' AND member = '" + member +
         "' LIMIT 1)";
}

/// Takes a list_head out of its list, as list_del() does. `node`: SQL that gives its address.
std::string unlink(const std::string& node) {
  return "SELECT read_pointer(n) + $W, read_pointer(n + $W), $W FROM (SELECT " + node +
         " AS n) UNION ALL SELECT read_pointer(n + $W), read_pointer(n), $W FROM (SELECT " + node + " AS n)";
}

Attack attack(std::string name, std::string technique, std::string check, std::string sql) {
  return {std::move(name), std::move(technique), std::move(check),
          [sql = std::move(sql)](policies::Database& database) { return pokes(database, sql); }};
}

/// A live module, neither the first nor the last that was loaded.
std::string some_module() {
  return "(SELECT gva FROM modules WHERE state = 'live' ORDER BY load_order LIMIT 1 OFFSET 1)";
}
/// A process that is nobody special, and that has no socket open.
std::string some_process(const std::string& column) {
  return "(SELECT " + column +
         " FROM processes WHERE NOT kernel_thread AND pid > 1 AND threads = 1 AND exit_state = 0 AND pid NOT "
         "IN "
         "(SELECT pid FROM sockets WHERE pid IS NOT NULL) ORDER BY pid DESC LIMIT 1)";
}

std::vector<Attack> module_attacks() {
  const std::string list = some_module() + " + " + at("module", "list"),
                    object = some_module() + " + " + at("module", "mkobj") + " + " + at("kobject", "entry"),
                    state = some_module() + " + " + at("module", "state"),
                    taints = some_module() + " + " + at("module", "taints");
  return {
      attack("take a module out of the list", "Diamorphine, Reptile: list_del(&THIS_MODULE->list)",
             "linux-modules/hidden-module", unlink(list)),
      attack("take a module out of the list and of sysfs",
             "KoviD, Singularity: kobject_del() after list_del()", "linux-modules/hidden-module",
             unlink(list) + " UNION ALL " + unlink(object)),
      attack("mark a module unformed", "rootkits that /proc/modules leaves out for their state",
             "linux-modules/hidden-module", "SELECT " + state + ", 3, 4"),
      attack("clear a taint", "KoviD, Singularity: tainted_mask as if no module had come from elsewhere",
             "linux-modules/taint-cleared",
             "SELECT " + taints + ", read_pointer(" + taints +
                 ") | 0x1000, $W UNION ALL SELECT addr('tainted_mask'), read_pointer(addr('tainted_mask')) & "
                 "~0x1000, "
                 "$W"),
  };
}

std::vector<Attack> process_attacks() {
  const std::string task = some_process("task"),
                    pid = "read_pointer(" + task + " + " + at("task_struct", "thread_pid") + ")";
  return {
      attack("take a process out of the list", "DKOM: list_del() of task_struct.tasks",
             "linux-processes/hidden-process", unlink(task + " + " + at("task_struct", "tasks"))),
      attack("take a process out of the pid table",
             "adore-ng and others: detach_pid(), so that /proc lacks it", "linux-processes/hidden-process",
             "SELECT " + pid + " + " + at("pid", "tasks") + ", 0, $W"),
      attack("change the pid that a process claims", "processes that say they are another",
             "linux-processes/false-pid",
             "SELECT t + " + at("task_struct", "pid") + ", 31337, 4 FROM (SELECT " + task +
                 " AS t) UNION ALL SELECT t + " + at("task_struct", "tgid") + ", 31337, 4 FROM (SELECT " +
                 task + " AS t)"),
  };
}

std::vector<Attack> credential_attacks() {
  const std::string task = some_process("task"), cred = some_process("real_cred"),
                    real_at = task + " + " + at("task_struct", "real_cred"),
                    cred_at = task + " + " + at("task_struct", "cred"),
                    of_init = "(SELECT real_cred FROM processes WHERE pid = 1)",
                    permitted = cred + " + " + at("cred", "cap_permitted");
  const auto set = [&](const std::string& to) {
    return "SELECT " + real_at + ", " + to + ", $W UNION ALL SELECT " + cred_at + ", " + to + ", $W";
  };
  return {
      attack("give a process the first task's credentials", "exploits: commit_creds(&init_cred)",
             "linux-credentials/init-cred", set("addr('init_cred')")),
      attack("give a process another one's credentials", "DKOM: token stealing", "linux-credentials/shared",
             set(of_init)),
      attack("let a process act as another one", "DKOM: cred alone, which ps does not show",
             "linux-credentials/acting-as-another", "SELECT " + cred_at + ", " + of_init + ", $W"),
      attack("raise capabilities in place", "rootkits that write to cap_effective",
             "linux-credentials/capabilities-beyond-permitted",
             "SELECT " + permitted + ", 0, 8 UNION ALL SELECT " + cred + " + " + at("cred", "cap_effective") +
                 ", -1, 8 UNION ALL SELECT " + cred + " + " + at("cred", "cap_ambient") + ", 0, 8"),
      attack("point a process to credentials that were freed", "use-after-free exploits",
             "linux-credentials/freed", "SELECT " + cred + ", 0, 4"),
  };
}

std::vector<Attack> network_attacks() {
  const std::string flags = at("net_device", "flags"), promiscuity = at("net_device", "promiscuity"),
                    node = at("sock_common", "skc_nulls_node"),
                    by_address = at("inet_connection_sock", "icsk_listen_portaddr_node"),
                    listener =
                        "(SELECT gva AS sk FROM sockets WHERE protocol = 'tcp' AND state = 'LISTEN' AND "
                        "pid IS NOT NULL AND listed_by = 'both' LIMIT 1)";
  // hlist_nulls_del(): what points to it points to the next, which points back unless it is the end's marker.
  const auto leave = [&](const std::string& offset) {
    const std::string from = " FROM " + listener + " WHERE " + offset + " IS NOT NULL";
    return "SELECT read_pointer(sk + " + offset + " + $W), read_pointer(sk + " + offset + "), $W" + from +
           " UNION ALL SELECT read_pointer(sk + " + offset + ") + $W, read_pointer(sk + " + offset +
           " + $W), $W" + from + " AND (read_pointer(sk + " + offset + ") & 1) = 0 AND read_pointer(sk + " +
           offset + ") <> 0";
  };
  return {
      attack("take a listening socket out of its table", "rootkits that unhash the port of a backdoor",
             "linux-sockets/missing-in-table", leave(node) + " UNION ALL " + leave(by_address)),
      attack("let an interface lie about promiscuous mode", "sniffers that clear IFF_PROMISC",
             "linux-sockets/promiscuity-disguised",
             "SELECT gva + " + flags +
                 ", (f | 0x100) - (f & 0x100), 4 FROM (SELECT gva, read_pointer(gva + " + flags +
                 ") & 0xffffffff AS f FROM interfaces ORDER BY promiscuity DESC LIMIT 1)"),
      attack(
          "listen on an interface from inside the kernel", "modules that call dev_set_promiscuity()",
          "linux-sockets/promiscuous-for-nobody",
          "SELECT gva + " + promiscuity +
              ", 1, 4 FROM (SELECT gva FROM interfaces WHERE promiscuity = 0 LIMIT 1) "
              "UNION ALL SELECT gva + " +
              flags + ", (read_pointer(gva + " + flags +
              ") & 0xffffffff) | 0x100, 4 FROM (SELECT gva FROM interfaces WHERE promiscuity = 0 LIMIT 1)"),
  };
}

}  // namespace

std::vector<Attack> view_attacks() {
  std::vector<Attack> all;
  for (auto& some : {module_attacks(), process_attacks(), credential_attacks(), network_attacks()})
    all.insert(all.end(), some.begin(), some.end());
  return all;
}

}  // namespace ringside::lab
