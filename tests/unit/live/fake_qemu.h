// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/live/connectors.h"
#include "guest/live/qemu_process.h"

#include <nlohmann/json.hpp>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ringside::guest::live {

/// How a call goes wrong.
enum class Fault {
  none,
  lost_before,  ///< the connection breaks before QEMU sees the command
  lost_after,   ///< QEMU does it, the reply is lost with the connection
  late,         ///< QEMU does it, the reply misses its deadline
  refused,      ///< QEMU says no
};

/// A QEMU as its run state, its gdbstub and what was asked of it. Monitors and stubs on it break where told.
struct FakeQemu {
  std::string status = "running";
  std::string gdb_socket;  ///< of the gdbstub, empty without one
  bool someone_elses_gdbstub = false;
  bool ignores_stop = false;
  pid_t pid = ::getpid();
  bool accepts_monitors = true, accepts_stubs = true;
  std::vector<std::string> calls;
  int fault_at = -1;  ///< index of the faulty QMP call
  Fault fault = Fault::none;
  std::function<void(const std::string&)> on_call;
  bool running() const { return status == "running"; }

  qmp::Json perform(const std::string& command, const qmp::Json& arguments) {
    if (command == "query-status") return {{"running", running()}, {"status", status}, {"singlestep", false}};
    if (command == "stop" && running() && !ignores_stop) status = "paused";
    if (command == "cont" && status != "internal-error") status = "running";
    if (command == "query-chardev") {
      qmp::Json chardevs = qmp::Json::array({{{"label", "serial0"}, {"filename", "file"}}});
      if (someone_elses_gdbstub)
        chardevs.push_back({{"label", "gdb"}, {"filename", "disconnected:tcp:::1234"}});
      if (!gdb_socket.empty())
        chardevs.push_back(
            {{"label", "gdb"}, {"filename", "disconnected:unix:" + gdb_socket + ",server=on"}});
      return chardevs;
    }
    if (command == "human-monitor-command") return monitor_command(arguments.at("command-line"));
    return qmp::Json::object();
  }

  std::string monitor_command(const std::string& line) {
    if (line == "gdbserver none") {
      gdb_socket.clear();
      return "Disabled gdbserver\r\n";
    }
    const std::string prefix = "gdbserver unix:", suffix = ",server=on,wait=off";
    if (!line.starts_with(prefix) || !line.ends_with(suffix)) return "unknown command\r\n";
    const std::string path = line.substr(prefix.size(), line.size() - prefix.size() - suffix.size());
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), std::min(path.size(), sizeof address.sun_path - 1));
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    const bool bound = ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    ::close(fd);
    if (!bound) return "Could not open gdbserver on device\r\n";
    gdb_socket = path;
    return "Waiting for gdb connection on device '" + path + "'\r\n";
  }
};

class FakeMonitor final : public qmp::Monitor {
 public:
  FakeMonitor(std::shared_ptr<FakeQemu> qemu, io::Endpoint endpoint)
      : qemu_(std::move(qemu)), endpoint_(std::move(endpoint)) {}

  Result<qmp::Json> execute(std::string_view command, qmp::Json arguments, qmp::CallOptions) override {
    if (!connected_) return fail(Errc::closed, "the connection is lost");
    const int index = static_cast<int>(qemu_->calls.size());
    std::string call(command);
    if (arguments.contains("command-line")) call += " " + arguments["command-line"].get<std::string>();
    qemu_->calls.push_back(call);
    if (qemu_->on_call) qemu_->on_call(call);
    const Fault fault = index == qemu_->fault_at ? qemu_->fault : Fault::none;
    if (fault == Fault::refused) return fail(Errc::peer_error, "GenericError: no");
    if (fault == Fault::lost_before) connected_ = false;
    if (!connected_) return fail(Errc::closed, "the connection is lost");
    qmp::Json answer = qemu_->perform(std::string(command), arguments);
    if (fault == Fault::lost_after) connected_ = false;
    if (!connected_) return fail(Errc::closed, "the connection is lost");
    if (fault == Fault::late) return fail(Errc::deadline, "no reply in time");
    return answer;
  }
  qmp::Subscription subscribe(std::function<void(const qmp::Event&)>) override { return {}; }
  bool supports(std::string_view) const override { return true; }
  const qmp::Greeting& greeting() const override { return greeting_; }
  std::optional<io::PeerCredentials> peer() const override {
    return io::PeerCredentials{qemu_->pid, ::geteuid(), ::getegid()};
  }
  const io::Endpoint& endpoint() const override { return endpoint_; }
  bool connected() const override { return connected_; }
  void disconnect() { connected_ = false; }

 private:
  std::shared_ptr<FakeQemu> qemu_;
  io::Endpoint endpoint_;
  qmp::Greeting greeting_{};
  bool connected_ = true;
};

/// Connecting stops the guest and closing leaves it stopped, as QEMU's does.
class FakeStub final : public gdbstub::Stub {
 public:
  explicit FakeStub(std::shared_ptr<FakeQemu> qemu) : qemu_(std::move(qemu)) {
    if (qemu_->running()) qemu_->status = "paused";
  }
  ~FakeStub() override { (void)FakeStub::close(); }
  const gdbstub::RegisterLayout& layout() const override { return layout_; }
  Result<unsigned> vcpu_count() override { return 1u; }
  Result<std::map<std::string, Bytes>> registers(unsigned) override { return std::map<std::string, Bytes>{}; }
  Result<void> read_virtual(unsigned, std::uint64_t, std::span<std::byte>) override { return {}; }
  Result<void> read_physical(std::uint64_t, std::span<std::byte>) override { return {}; }
  Result<void> write_physical(std::uint64_t, ByteView) override { return {}; }
  Result<void> insert(gdbstub::BreakKind, std::uint64_t, unsigned) override { return {}; }
  Result<void> remove(gdbstub::BreakKind, std::uint64_t, unsigned) override { return {}; }
  Result<void> resume() override {
    qemu_->status = "running";
    return {};
  }
  Result<gdbstub::StopReply> step(unsigned) override { return gdbstub::StopReply{}; }
  Result<gdbstub::StopReply> wait_stop(std::chrono::milliseconds) override {
    qemu_->status = "debug";
    return gdbstub::StopReply{};
  }
  Result<gdbstub::StopReply> interrupt() override { return gdbstub::StopReply{}; }
  Result<std::string> monitor_command(std::string_view) override { return std::string(); }
  Result<void> close() override {
    if (!closed_) qemu_->calls.push_back("[gdb close]");
    closed_ = true;
    return lost_ ? fail(Errc::closed, "the gdb socket is lost") : Result<void>{};
  }
  Result<void> detach_and_resume() override {
    if (lost_ || closed_) return fail(Errc::closed, "the gdb socket is lost");
    qemu_->calls.push_back("[gdb D]");
    qemu_->status = "running";
    closed_ = true;
    return {};
  }
  void lose() { lost_ = true; }

 private:
  std::shared_ptr<FakeQemu> qemu_;
  gdbstub::RegisterLayout layout_{std::vector<gdbstub::Register>{}};
  bool closed_ = false, lost_ = false;
};

inline io::Endpoint unix_endpoint(const std::string& path) {
  io::Endpoint endpoint;
  endpoint.path = path;
  return endpoint;
}
inline io::Endpoint fake_endpoint() {
  return unix_endpoint("/nowhere/ringside-test/qmp");
}

inline Connectors connectors_to(const std::shared_ptr<FakeQemu>& qemu) {
  return {
      .monitor = [qemu](const io::Endpoint& endpoint) -> Result<std::unique_ptr<qmp::Monitor>> {
        if (!qemu->accepts_monitors) return fail(Errc::refused, "nobody listens");
        return std::make_unique<FakeMonitor>(qemu, endpoint);
      },
      .stub = [qemu](const std::string& path,
                     gdbstub::StubOptions) -> Result<std::unique_ptr<gdbstub::Stub>> {
        if (!qemu->accepts_stubs || path != qemu->gdb_socket) return fail(Errc::refused, "nobody listens");
        return std::make_unique<FakeStub>(qemu);
      },
      .patience = std::chrono::milliseconds(0),
  };
}

}  // namespace ringside::guest::live
