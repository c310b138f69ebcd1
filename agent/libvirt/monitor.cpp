// SPDX-License-Identifier: Apache-2.0
#include "agent/libvirt/monitor.h"

#include "agent/libvirt/call_queue.h"
#include "agent/libvirt/connection.h"
#include "agent/libvirt/qemu_of_domain.h"
#include "agent/libvirt/uri.h"
#include "qmp/commands.h"
#include "qmp/event_hub.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

namespace ringside::agent::libvirt {

namespace {

/// A copy of the caller's descriptor, which the caller may close when it gives up waiting.
Result<std::shared_ptr<int>> duplicate(int descriptor) {
  const int copy = ::fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
  if (copy < 0)
    return fail(Errc::io, fmt::format("cannot pass a descriptor to QEMU: {}", std::strerror(errno)));
  return std::shared_ptr<int>(new int(copy), [](int* fd) {
    ::close(*fd);
    delete fd;
  });
}

std::string text_at(const qmp::Json& object, const char* key) {
  const auto member = object.find(key);
  return member != object.end() && member->is_string() ? member->get<std::string>() : std::string();
}

/// QEMU's reply as a monitor of our own would give it.
Result<qmp::Json> parse_reply(const std::string& text, const std::string& command) {
  qmp::Json reply = qmp::Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!reply.is_object())
    return fail(Errc::malformed, fmt::format("{}: libvirt's answer is no JSON object", command));
  if (const auto value = reply.find("return"); value != reply.end()) return std::move(*value);
  const auto error = reply.find("error");
  if (error == reply.end() || !error->is_object())
    return fail(Errc::malformed, fmt::format("{}: libvirt's answer is no reply", command));
  return fail(Errc::peer_error, fmt::format("{}: {}", text_at(*error, "class"), text_at(*error, "desc")));
}

class LibvirtMonitor final : public qmp::Monitor {
 public:
  LibvirtMonitor(std::shared_ptr<Connection> connection, Domain domain)
      : connection_(std::move(connection)), domain_(std::move(domain)) {
    endpoint_.kind = io::Endpoint::Kind::libvirt;
    endpoint_.domain = domain_.uuid;
    endpoint_.uri = connection_->uri();
    observation_ = connection_->observe({
        .connection = [this](bool there, const std::string&) { reconnected(there); },
        .started = {},
        .ended =
            [this](const Domain& ended, const std::string&) {
              if (ended.uuid == domain_.uuid) ended_ = true;
            },
        .monitor_event =
            [this](const std::string& uuid, const qmp::Event& event) {
              if (uuid == domain_.uuid) events_.publish(event);
            },
    });
  }

  /// What a connection asks first.
  Result<void> get_acquainted(std::chrono::milliseconds deadline) {
    qmp::CallOptions options;
    options.deadline = deadline;
    RINGSIDE_TRY(const qmp::Version version, call(qmp::query_version(), options));
    greeting_ = {version.major, version.minor, version.micro, version.package, false};
    RINGSIDE_TRY(commands_, call(qmp::query_commands(), options));
    std::sort(commands_.begin(), commands_.end());
    if (!is_local(connection_->uri())) return {};
    if (const auto vcpus = call(qmp::query_cpus_fast(), options))
      for (const qmp::VcpuInfo& vcpu : *vcpus)
        if (!peer_) peer_ = qemu_of(vcpu.thread_id, domain_.uuid);
    return {};
  }

  Result<qmp::Json> execute(std::string_view command, qmp::Json arguments,
                            qmp::CallOptions options) override {
    if (ended_) return fail(Errc::closed, fmt::format("the domain {} has ended", domain_.name));
    const std::string name(command);
    if (!arguments.is_object() && !arguments.is_null())
      return fail(Errc::invalid_argument, fmt::format("the arguments of '{}' are no JSON object", command));
    // libvirt puts its own id in.
    qmp::Json line{{"execute", name}};
    if (!arguments.empty()) line["arguments"] = std::move(arguments);
    std::string text;
    try {
      text = line.dump();
    } catch (const qmp::Json::type_error&) {
      return fail(Errc::invalid_argument,
                  fmt::format("the arguments of '{}' hold text that is not UTF-8", command));
    }
    std::shared_ptr<int> descriptor;
    if (options.descriptor >= 0) {
      RINGSIDE_TRY(descriptor, duplicate(options.descriptor));
    }
    auto reply = queue_.run(
        [connection = connection_, domain = domain_, text, name, descriptor]() -> Result<qmp::Json> {
          RINGSIDE_TRY(const std::string answer,
                       connection->monitor_command(domain, text, descriptor ? *descriptor : -1));
          return parse_reply(answer, name);
        },
        options.deadline);
    if (!reply && reply.error().code == Errc::gone) {
      ended_ = true;
      reply.error().code = Errc::closed;
    }
    return reply;
  }

  qmp::Subscription subscribe(std::function<void(const qmp::Event&)> handler) override {
    return events_.subscribe(std::move(handler));
  }
  bool supports(std::string_view command) const override {
    return std::binary_search(commands_.begin(), commands_.end(), command);
  }
  const qmp::Greeting& greeting() const override { return greeting_; }
  std::optional<io::PeerCredentials> peer() const override { return peer_; }
  const io::Endpoint& endpoint() const override { return endpoint_; }
  bool connected() const override { return !ended_; }

 private:
  /// What was missed while libvirt was away cannot be known; a run that has ended shows at the next call.
  void reconnected(bool there) {
    if (!there) return;
    qmp::Event event;
    event.name = kEventsMissed;
    event.timestamp = std::chrono::duration_cast<std::chrono::microseconds>(
        std::chrono::system_clock::now().time_since_epoch());
    events_.publish(event);
  }

  std::shared_ptr<Connection> connection_;
  Domain domain_;
  io::Endpoint endpoint_;
  std::atomic<bool> ended_{false};
  qmp::Greeting greeting_;
  std::vector<std::string> commands_;
  std::optional<io::PeerCredentials> peer_;
  qmp::EventHub events_;
  CallQueue queue_;
  std::shared_ptr<void> observation_;  ///< last: it ends before what its handlers use
};

}  // namespace

Result<std::unique_ptr<qmp::Monitor>> connect(const io::Endpoint& endpoint, qmp::ConnectOptions options) {
  RINGSIDE_TRY(auto connection, Connection::to(resolve_uri(endpoint.uri)));
  RINGSIDE_CHECK(connection->wait_connected(options.connect_deadline));
  auto domain = connection->find(endpoint.domain);
  if (!domain) {
    Error error = domain.error();
    if (error.code == Errc::not_found || error.code == Errc::gone) error.code = Errc::refused;
    if (error.hint.empty()) error.hint = "virsh list --all names the domains";
    return fail(std::move(error));
  }
  auto monitor = std::make_unique<LibvirtMonitor>(std::move(connection), std::move(*domain));
  RINGSIDE_CHECK(monitor->get_acquainted(options.connect_deadline));
  return monitor;
}

}  // namespace ringside::agent::libvirt
