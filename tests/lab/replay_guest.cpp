// SPDX-License-Identifier: Apache-2.0
// Shows a recorded guest (record_guest) on QMP sockets: each a process of its own with its own memory, name
// and UUID, so that what watches guests sees so many of them. They stand still, and cost next to nothing.
//   replay_guest RECORDING FOLDER COUNT     sockets are FOLDER/rN.qmp; ends with its parent
#include <fcntl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <fstream>
#include <iostream>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>

namespace {

using Json = nlohmann::json;

void die(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

int open_file(const std::string& path, int flags) {
  const int fd = open(path.c_str(), flags | O_CLOEXEC);
  if (fd < 0) die(path);
  return fd;
}

/// A file's bytes at `address` (0: anywhere), private to this process.
void map_file(const std::string& path, std::uint64_t address, std::uint64_t size) {
  const int fd = open_file(path, O_RDONLY);
  if (mmap(reinterpret_cast<void*>(address), size, PROT_READ | PROT_WRITE,
           MAP_PRIVATE | MAP_FIXED_NOREPLACE | MAP_NORESERVE, fd, 0) == MAP_FAILED)
    die("cannot map " + path);
  close(fd);
}

/// QEMU's heap is anonymous memory, and so is this.
void load_heap(const std::string& path) {
  const int fd = open_file(path, O_RDONLY);
  struct stat info {};
  fstat(fd, &info);
  void* memory = mmap(nullptr, static_cast<std::size_t>(info.st_size), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED || read(fd, memory, static_cast<std::size_t>(info.st_size)) != info.st_size)
    die(path);
  close(fd);
}

class Connection {
 public:
  explicit Connection(int socket) : socket_(socket) {}
  ~Connection() {
    close(socket_);
    if (passed_ >= 0) close(passed_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void send(const Json& message) const {
    const std::string text = message.dump() + "\r\n";
    for (std::size_t sent = 0; sent < text.size();) {
      const ssize_t n = ::send(socket_, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
      if (n <= 0) return;
      sent += static_cast<std::size_t>(n);
    }
  }
  /// The next request; nullopt at the end.
  std::optional<Json> next() {
    for (;;) {
      if (const auto end = received_.find('\n'); end != std::string::npos) {
        Json request = Json::parse(received_.substr(0, end), nullptr, false);
        received_.erase(0, end + 1);
        return request;
      }
      char bytes[4096];
      iovec piece{bytes, sizeof bytes};
      alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
      msghdr header{};
      header.msg_iov = &piece;
      header.msg_iovlen = 1;
      header.msg_control = control;
      header.msg_controllen = sizeof control;
      const ssize_t n = recvmsg(socket_, &header, MSG_CMSG_CLOEXEC);
      if (n <= 0) return std::nullopt;
      if (const cmsghdr* passed = CMSG_FIRSTHDR(&header);
          passed != nullptr && passed->cmsg_type == SCM_RIGHTS) {
        if (passed_ >= 0) close(passed_);
        std::memcpy(&passed_, CMSG_DATA(passed), sizeof passed_);
      }
      received_.append(bytes, static_cast<std::size_t>(n));
    }
  }
  int passed() const { return passed_; }

 private:
  int socket_, passed_ = -1;
  std::string received_;
};

class Replay {
 public:
  Replay(std::string recording, unsigned number) : recording_(std::move(recording)) {
    std::ifstream file(recording_ + "/answers.json");
    const Json document = Json::parse(file);
    answers_ = document["answers"];
    answers_["query-name"] = {{"name", fmt::format("r{}", number)}};
    answers_["query-uuid"] = {{"UUID", fmt::format("00000000-0000-4000-8000-{:012x}", number)}};
    for (const Json& range : document["memory"])
      map_file(recording_ + '/' + range["file"].get<std::string>(), range["hva"], range["size"]);
    load_heap(recording_ + "/heap");
  }

  void serve(int listener) {
    for (;;) {
      const int socket = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
      if (socket < 0) die("accept");
      Connection connection(socket);
      connection.send({{"QMP", {{"version", answers_["query-version"]}, {"capabilities", {"oob"}}}}});
      while (const auto request = connection.next()) answer(connection, *request);
    }
  }

 private:
  void answer(const Connection& connection, const Json& request) {
    Json reply = {{"id", request.value("id", Json())}};
    const std::string command = request.value("execute", request.value("exec-oob", ""));
    const Json arguments = request.value("arguments", Json::object());
    if (command == "qmp_capabilities" || command == "remove-fd") {
      reply["return"] = Json::object();
    } else if (command == "stop" || command == "cont") {
      answers_["query-status"] = {{"running", command == "cont"},
                                  {"status", command == "cont" ? "running" : "paused"},
                                  {"singlestep", false}};
      connection.send({{"event", command == "cont" ? "RESUME" : "STOP"},
                       {"timestamp", {{"seconds", 0}, {"microseconds", 0}}}});
      reply["return"] = Json::object();
    } else if (command == "add-fd") {
      reply["return"] = {{"fdset-id", 1}, {"fd", connection.passed()}};
    } else if (command == "xen-save-devices-state") {
      const std::ifstream devices(recording_ + "/devices", std::ios::binary);
      const std::string bytes = (std::ostringstream() << devices.rdbuf()).str();
      if (write(connection.passed(), bytes.data(), bytes.size()) < 0) die("device state");
      reply["return"] = Json::object();
    } else {
      const std::string question =
          command == "human-monitor-command" ? arguments.value("command-line", "") : command;
      if (answers_.contains(question))
        reply["return"] = answers_[question];
      else
        reply["error"] = {{"class", "GenericError"}, {"desc", "not recorded: " + question}};
    }
    connection.send(reply);
  }

  std::string recording_;
  Json answers_;
};

int listen_at(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) throw std::runtime_error("too long: " + path);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(listener, 4) != 0)
    die(path);
  return listener;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: replay_guest RECORDING FOLDER COUNT\n";
    return 2;
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const unsigned long count = std::stoul(argv[3]);
  for (unsigned number = 0; number < count; ++number) {
    if (fork() != 0) continue;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    try {
      Replay replay(argv[1], number);
      replay.serve(listen_at(fmt::format("{}/r{}.qmp", argv[2], number)));
    } catch (const std::exception& error) {
      std::cerr << "replay_guest: " << error.what() << '\n';
      _exit(1);
    }
  }
  for (;;) pause();
}
