// SPDX-License-Identifier: Apache-2.0
#include "guest/live/run_state.h"

#include "guest/live/private_directory.h"
#include "guest/live/qemu_process.h"
#include "qmp/commands.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <thread>

namespace ringside::guest::live {

namespace {

std::string text_of(const qmp::Json& object, const char* key) {
  const auto member = object.find(key);
  return member != object.end() && member->is_string() ? member->get<std::string>() : std::string();
}

}  // namespace

Result<GdbstubInUse> gdbstub_in_use(qmp::Monitor& monitor, const std::string& socket) {
  RINGSIDE_TRY(const qmp::Json chardevs, monitor.execute("query-chardev"));
  GdbstubInUse use;
  if (!chardevs.is_array()) return fail(Errc::malformed, "query-chardev: the answer is no list");
  for (const qmp::Json& chardev : chardevs) {
    // Whoever starts it, QEMU labels the gdbstub's character device "gdb" (gdbstub.c, gdbserver_start).
    if (text_of(chardev, "label") != "gdb") continue;
    use.active = true;
    const std::string filename = text_of(chardev, "filename");
    use.ours = !socket.empty() && filename.find("unix:" + socket) != std::string::npos;
  }
  return use;
}

Result<void> end_gdbstub(qmp::Monitor& monitor, const std::string& socket) {
  RINGSIDE_TRY(const GdbstubInUse use, gdbstub_in_use(monitor, socket));
  if (use.ours) RINGSIDE_CHECK(monitor.call(qmp::human_monitor_command("gdbserver none")));
  return {};
}

Result<void> resume_stopped(qmp::Monitor& monitor, bool used_gdbstub) {
  RINGSIDE_TRY(const qmp::RunStatus before, monitor.call(qmp::query_status()));
  if (before.status != "paused" && !(used_gdbstub && before.status == "debug")) return {};
  RINGSIDE_CHECK(monitor.call(qmp::cont()));
  qmp::RunStatus now;
  for (int tries = 0; tries < 20; ++tries) {
    if (tries > 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    RINGSIDE_TRY(now, monitor.call(qmp::query_status()));
    // A state other than `paused` means that cont took hold and the guest went on to, say, shut down.
    if (now.running || (now.status != "paused" && now.status != "debug")) return {};
  }
  return fail(Errc::deadline, fmt::format("QEMU accepted cont but the guest is still {}", now.status));
}

Result<void> give_back(const Connectors& connectors, const FreezeJournal::Entry& entry) {
  const auto gone = [&entry] {
    if (!entry.gdb_socket.empty()) remove_private_directory_of(entry.gdb_socket);
    return fail(Errc::gone, fmt::format("the QEMU behind {} has ended", io::to_string(entry.monitor)));
  };
  auto monitor = connectors.monitor(entry.monitor);
  if (!monitor) {
    if (entry.qemu != 0 && !is_alive(entry.qemu, entry.qemu_start)) return gone();
    return fail(monitor.error());
  }
  const auto peer = (*monitor)->peer();
  if (entry.qemu != 0 && peer && peer->pid != 0 &&
      (peer->pid != entry.qemu || process_start(peer->pid) != entry.qemu_start))
    return gone();
  // A gdbstub that will not end must not keep the guest from running.
  Result<void> ended = entry.gdb_socket.empty() ? Result<void>{} : end_gdbstub(**monitor, entry.gdb_socket);
  if (entry.was_running) RINGSIDE_CHECK(resume_stopped(**monitor, !entry.gdb_socket.empty()));
  if (ended && !entry.gdb_socket.empty()) remove_private_directory_of(entry.gdb_socket);
  return ended;
}

}  // namespace ringside::guest::live
