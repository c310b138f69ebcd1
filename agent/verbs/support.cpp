// SPDX-License-Identifier: Apache-2.0
#include "agent/verbs/support.h"

#include "agent/log.h"
#include "agent/output/format.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>

namespace ringside::agent {

Result<policies::QueryResult> ask(guest::Snapshot& snapshot, std::string_view sql) {
  RINGSIDE_TRY(auto database, policies::Database::create());
  database->bind(&snapshot);
  return database->query(sql);
}

Exit note_incomplete(const std::vector<std::string>& incomplete) {
  constexpr std::size_t kShown = 12;
  for (std::size_t i = 0; i < std::min(incomplete.size(), kShown); ++i)
    log::warning("could not be read: " + printable(incomplete[i]));
  if (incomplete.size() > kShown)
    log::warning(fmt::format("and {} more could not be read: --json lists all", incomplete.size() - kShown));
  return incomplete.empty() ? Exit::clean : Exit::unchecked;
}

Json guest_json(const guest::GuestInfo& info) {
  return {{"target", info.target},
          {"name", info.name.empty() ? Json() : Json(info.name)},
          {"uuid", info.uuid.empty() ? Json() : Json(info.uuid)},
          {"qemu_version", info.qemu_version},
          {"accelerator", info.accelerator},
          {"status", info.status},
          {"backend", info.backend},
          {"taken", rfc3339(info.taken)}};
}

std::string guest_label(const guest::GuestInfo& info) {
  if (!info.name.empty()) return printable(info.name);
  return printable(info.uuid.empty() ? info.target : info.uuid);
}

Result<guest::x86::CpuState> vcpu_state(guest::Snapshot& snapshot, std::uint64_t index) {
  const auto& cpus = snapshot.cpus(guest::RegisterGroups::root | guest::RegisterGroups::control);
  if (index >= cpus.size())
    return fail(Errc::invalid_argument,
                fmt::format("there is no vCPU {}: the guest has {}", index, counted(cpus.size(), "vCPU")));
  return cpus[index];
}

Result<void> write_file(const std::string& path, ByteView bytes) {
  const std::string beside = path + ".part";
  std::ofstream file(beside, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file || std::rename(beside.c_str(), path.c_str()) != 0) {
    const int error = errno;
    std::remove(beside.c_str());
    return fail(Errc::io, fmt::format("{}: {}", path, std::strerror(error)));
  }
  return {};
}

}  // namespace ringside::agent
