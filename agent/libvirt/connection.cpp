// SPDX-License-Identifier: Apache-2.0
#include "agent/libvirt/connection.h"

#include "agent/libvirt/connection_state.h"
#include "agent/libvirt/event_thread.h"
#include "agent/sources/hook_message.h"

#include <fmt/format.h>
#include <libvirt/libvirt-qemu.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <thread>

namespace ringside::agent::libvirt {

namespace {

constexpr std::chrono::milliseconds kFirstWait{250}, kLongestWait{5'000};

DomainHandle look_up(virConnectPtr connect, const std::string& uuid_or_name) {
  if (is_uuid(uuid_or_name))
    if (DomainHandle domain{virDomainLookupByUUIDString(connect, uuid_or_name.c_str())}) return domain;
  return DomainHandle{virDomainLookupByName(connect, uuid_or_name.c_str())};
}

}  // namespace

struct ConnectionThread {
  std::shared_ptr<EventThread> events;  ///< outlives the connection
  std::thread thread;
};

Result<std::shared_ptr<Connection>> Connection::to(const std::string& uri) {
  static std::mutex mutex;
  static std::map<std::string, std::weak_ptr<Connection>> open;
  const std::lock_guard lock(mutex);
  if (auto connection = open[uri].lock()) return connection;
  RINGSIDE_TRY(auto events, EventThread::get());
  auto state = std::make_shared<State>();
  state->uri = uri;
  std::shared_ptr<Connection> connection(new Connection(std::move(state)));
  connection->thread_->events = std::move(events);
  connection->thread_->thread = std::thread([raw = connection.get()] { raw->run(); });
  open[uri] = connection;
  return connection;
}

Connection::Connection(std::shared_ptr<State> state)
    : state_(std::move(state)), thread_(std::make_unique<ConnectionThread>()) {}

Connection::~Connection() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stop = true;
  }
  state_->changed.notify_all();
  if (thread_->thread.joinable()) thread_->thread.join();
}

const std::string& Connection::uri() const {
  return state_->uri;
}

std::shared_ptr<void> Connection::observe(Observer observer) {
  return state_->observers.add(std::move(observer));
}

Result<void> Connection::wait_connected(std::chrono::milliseconds deadline) {
  std::unique_lock lock(state_->mutex);
  const bool known = state_->changed.wait_for(
      lock, deadline, [&] { return state_->connect != nullptr || state_->attempts > 0; });
  if (state_->connect != nullptr) return {};
  if (!known)
    return fail(Errc::deadline, fmt::format("libvirt ({}) does not answer", state_->uri),
                "is libvirt's daemon running?");
  Error why = state_->why;
  if (why.code != Errc::permission) why.code = Errc::refused;
  return fail(std::move(why));
}

/// Opens, listens, waits for the end, again and again.
void Connection::run() {
  auto wait = kFirstWait;
  while (!state_->stopping()) {
    if (state_->open()) {
      wait = kFirstWait;
      state_->observers.tell(&Observer::connection, true, std::string());
      state_->wait_until_lost();
      const std::string why = state_->close();
      if (!state_->stopping()) state_->observers.tell(&Observer::connection, false, why);
    } else {
      state_->wait_for(wait);
      wait = std::min(wait * 2, kLongestWait);
    }
  }
}

Result<std::vector<Domain>> Connection::running() {
  RINGSIDE_TRY(const ConnectHandle connect, state_->use());
  virDomainPtr* list = nullptr;
  const int count = virConnectListAllDomains(connect.get(), &list, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
  if (count < 0) return fail(last_error("cannot list the domains of libvirt"));
  std::vector<Domain> domains;
  for (int i = 0; i < count; ++i) {
    const DomainHandle handle(list[i]);
    domains.push_back(describe(handle.get()));
  }
  free(list);  // allocated by libvirt with malloc
  return domains;
}

Result<Domain> Connection::find(const std::string& uuid_or_name) {
  RINGSIDE_TRY(const ConnectHandle connect, state_->use());
  const DomainHandle handle = look_up(connect.get(), uuid_or_name);
  if (!handle) return fail(last_error(fmt::format("libvirt ({})", state_->uri)));
  Domain domain = describe(handle.get());
  if (domain.id < 0)
    return fail(Errc::gone, fmt::format("the domain {} does not run", domain.name),
                "start it: virsh start " + domain.name);
  return domain;
}

Result<std::string> Connection::monitor_command(const Domain& domain, const std::string& line,
                                                int descriptor) {
  RINGSIDE_TRY(const ConnectHandle connect, state_->use());
  const std::string what = fmt::format("domain {}", domain.name);
  const DomainHandle handle{virDomainLookupByUUIDString(connect.get(), domain.uuid.c_str())};
  if (!handle) {
    Error error = last_error(what);
    if (error.code == Errc::not_found) error.code = Errc::gone;
    return fail(std::move(error));
  }
  // Another run of the same domain is another guest.
  if (virDomainGetID(handle.get()) != static_cast<unsigned>(domain.id))
    return fail(Errc::gone, what + " has ended");
  char* reply = nullptr;
  int outcome = 0;
  if (descriptor < 0) {
    outcome = virDomainQemuMonitorCommand(handle.get(), line.c_str(), &reply, 0);
  } else {
    unsigned given_back = 0;
    int* files = nullptr;
    outcome = virDomainQemuMonitorCommandWithFiles(handle.get(), line.c_str(), 1, &descriptor, &given_back,
                                                   &files, &reply, 0);
    free(files);
  }
  const std::unique_ptr<char, decltype(&free)> owned(reply, &free);
  if (outcome != 0 || reply == nullptr) return fail(last_error(what));
  return std::string(reply);
}

}  // namespace ringside::agent::libvirt
