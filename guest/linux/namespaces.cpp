// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/namespaces.h"

namespace ringside::guest::linux {

// include/linux/nsproxy.h. The namespace of pids in there is the one for children; a task's own is that of
// its struct pid (kernel/pid.c task_active_pid_ns), and that of users is in its credentials.
NamespaceReader::NamespaceReader(Kernel& kernel) : kernel_(kernel), reader_(kernel, "nsproxy") {
  const auto kind = [&](std::string_view member, std::string_view type,
                        std::optional<std::uint32_t> NamespaceIds::*id) {
    const auto pointer = reader_.add(member, ObjectReader::Presence::optional);
    return Kind{pointer, reader_.has(pointer) ? number_of(type) : std::nullopt, id};
  };
  kinds_ = {kind("uts_ns", "uts_namespace", &NamespaceIds::uts),
            kind("ipc_ns", "ipc_namespace", &NamespaceIds::ipc),
            kind("mnt_ns", "mnt_namespace", &NamespaceIds::mnt),
            kind("net_ns", "net", &NamespaceIds::net),
            kind("time_ns", "time_namespace", &NamespaceIds::time),
            kind("cgroup_ns", "cgroup_namespace", &NamespaceIds::cgroup)};
  pid_number_ = number_of("pid_namespace");
  user_number_ = number_of("user_namespace");
  missing_.insert(missing_.end(), reader_.missing().begin(), reader_.missing().end());
}

std::optional<Field> NamespaceReader::number_of(std::string_view type) {
  auto field = kernel_.field(type, "ns.inum");
  if (field) return *field;
  missing_.push_back(std::move(field).error());
  return std::nullopt;
}

Result<std::optional<std::uint32_t>> NamespaceReader::number(Gva ns, const std::optional<Field>& field) {
  if (ns == Gva{0} || !field) return std::optional<std::uint32_t>{};
  if (const auto found = numbers_.find(ns.value); found != numbers_.end())
    return std::optional(found->second);
  RINGSIDE_TRY(const auto value, kernel_.read_field(ns, *field));
  return std::optional(numbers_[ns.value] = static_cast<std::uint32_t>(value));
}

Result<NamespaceIds> NamespaceReader::read(Gva nsproxy, Gva pid_ns, Gva user_ns) {
  NamespaceIds ids;
  if (const auto found = proxies_.find(nsproxy.value); found != proxies_.end()) {
    ids = found->second;
  } else if (nsproxy != Gva{0}) {
    RINGSIDE_CHECK(reader_.read(nsproxy));
    for (const Kind& kind : kinds_) {
      RINGSIDE_TRY(ids.*kind.id, number(reader_.pointer(kind.pointer).value_or(Gva{0}), kind.number));
    }
    proxies_.emplace(nsproxy.value, ids);
  }
  RINGSIDE_TRY(ids.pid, number(pid_ns, pid_number_));
  RINGSIDE_TRY(ids.user, number(user_ns, user_number_));
  return ids;
}

}  // namespace ringside::guest::linux
