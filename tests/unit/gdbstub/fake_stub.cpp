// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/gdbstub/fake_stub.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace ringside::gdbstub {

namespace {

constexpr std::uint64_t kMemory = 64 * 1024;

std::string recorded(const std::string& name) {
  std::ifstream file(RINGSIDE_SOURCE_DIR "/tests/unit/gdbstub/data/" + name);
  return {std::istreambuf_iterator<char>(file), {}};
}

void send_all(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

}  // namespace

FakeStub::FakeStub(Override override, std::string greeting)
    : override_(std::move(override)), greeting_(std::move(greeting)) {
  std::string pattern = (std::filesystem::temp_directory_path() / "gdbstub-XXXXXX").string();
  EXPECT_NE(mkdtemp(pattern.data()), nullptr);
  folder_ = pattern;
  path_ = folder_ + "/stub";
  listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path_.copy(address.sun_path, sizeof address.sun_path - 1);
  EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(listen(listener_, 1), 0);
  EXPECT_EQ(pipe(wake_), 0);
  thread_ = std::thread([this] { serve(); });
}

FakeStub::~FakeStub() {
  ::close(wake_[1]);
  thread_.join();
  ::close(wake_[0]);
  ::close(listener_);
  std::filesystem::remove_all(folder_);
}

FakeStub::State FakeStub::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

void FakeStub::change(const std::function<void(State&)>& how) {
  const std::lock_guard lock(mutex_);
  how(state_);
}

FakeStub::State FakeStub::state_after_disconnect() {
  std::unique_lock lock(mutex_);
  disconnected_.wait(lock, [this] { return connections_ended_ > 0; });
  return state_;
}

void FakeStub::serve() {
  for (;;) {
    std::array<pollfd, 2> ready{{{listener_, POLLIN, 0}, {wake_[0], POLLIN, 0}}};
    if (poll(ready.data(), ready.size(), -1) < 0 || ready[1].revents != 0) return;
    const int client = accept(listener_, nullptr, nullptr);
    if (client < 0) return;
    converse(client);
    ::close(client);
    const std::lock_guard lock(mutex_);
    ++connections_ended_;
    disconnected_.notify_all();
  }
}

void FakeStub::converse(int client) {
  change([](State& state) { state.running = false; });
  send_all(client, greeting_);
  PacketDecoder decoder;
  std::array<char, 8192> buffer;
  for (;;) {
    std::array<pollfd, 2> ready{{{client, POLLIN, 0}, {wake_[0], POLLIN, 0}}};
    if (poll(ready.data(), ready.size(), -1) < 0 || ready[1].revents != 0) return;
    const ssize_t count = recv(client, buffer.data(), buffer.size(), 0);
    if (count <= 0) return;
    std::string_view input(buffer.data(), static_cast<std::size_t>(count));
    while (!input.empty()) {
      const std::lock_guard lock(mutex_);
      if (state_.running && !state_.detached) {  // any byte at all stops the guest, and is eaten
        state_.running = false;
        state_.requests.push_back(fmt::format("byte {:02x}", static_cast<unsigned char>(input.front())));
        input.remove_prefix(1);
        send_all(client, encode_packet("T02thread:p01.01;"));
        continue;
      }
      auto frame = decoder.next(input);
      ASSERT_TRUE(frame) << frame.error().message;
      if (!*frame || (*frame)->kind != Frame::Kind::packet) continue;
      const std::string& request = (*frame)->payload;
      state_.requests.push_back(request);
      if (const auto fault = override_ ? override_(request) : std::nullopt) {
        send_all(client, fault->bytes);
        if (fault->close) return;
        continue;
      }
      send_all(client, "+" + answer(request));
    }
  }
}

std::string FakeStub::answer(const std::string& request) {
  const auto begins = [&request](std::string_view with) { return request.starts_with(with); };
  if (begins("qSupported"))
    return encode_packet("PacketSize=1000;qXfer:features:read+;vContSupported+;multiprocess+");
  if (request == "?") {
    state_.break_points.clear();
    return encode_packet("T05thread:p01.01;");
  }
  if (request == "vCont?") return encode_packet("vCont;c;C;s;S");
  if (request == "qqemu.Supported") return encode_packet("sstepbits;sstep;PhyMemMode");
  if (begins("Qqemu.PhyMemMode:")) {
    state_.physical_mode = request.back() == '1';
    return encode_packet("OK");
  }
  if (request == "qfThreadInfo") return encode_packet("mp01.01");
  if (request == "qsThreadInfo") {
    const auto asked = std::count(state_.requests.begin(), state_.requests.end(), "qsThreadInfo");
    return encode_packet(asked % 2 == 1 ? "mp01.02" : "l");
  }
  if (begins("qXfer:features:read:")) {
    const auto name_end = request.find(':', 20);
    const std::string name = request.substr(20, name_end - 20);
    std::size_t offset = 0, length = 0;
    if (sscanf(request.c_str() + name_end, ":%zx,%zx", &offset, &length) != 2) return encode_packet("E22");
    const std::string text = recorded(name == "target.xml" ? "target-x86_64.xml" : name);
    if (text.empty() || offset > text.size()) return encode_packet("E00");
    return encode_packet((offset + length < text.size() ? "m" : "l") + text.substr(offset, length));
  }
  if (begins("Hg") || begins("Hc"))
    return encode_packet(request.substr(2) == "p1.1" || request.substr(2) == "p1.2" ? "OK" : "E22");
  if (request == "g") {
    std::string registers;
    for (int i = 0; i < 608; ++i) registers += fmt::format("{:02x}", i & 0xff);
    return encode_packet(registers);
  }
  if (begins("m") || begins("M")) return encode_packet(answer_memory(request));
  if (begins("Z")) state_.break_points.insert(request.substr(1));
  if (begins("z")) state_.break_points.erase(request.substr(1));
  if (begins("Z") || begins("z")) return encode_packet("OK");
  if (request == "vCont;c") {
    state_.running = true;
    return "";
  }
  if (begins("vCont;s:")) return encode_packet("T05thread:" + request.substr(8) + ";");
  if (begins("qRcmd,")) return encode_packet("O4142") + encode_packet("O430d0a") + encode_packet("OK");
  if (request == "D;1") {
    state_.running = state_.detached = true;
    return encode_packet("OK");
  }
  return encode_packet("");
}

std::string FakeStub::answer_memory(const std::string& request) {
  std::uint64_t address = 0;
  std::size_t length = 0;
  if (sscanf(request.c_str() + 1, "%lx,%zx", &address, &length) != 2 || length > 0x800) return "E22";
  if (!state_.physical_mode && address >= kMemory) return "E14";
  if (request.front() == 'M') {
    state_.written[address] = request.substr(request.find(':') + 1);
    return "OK";
  }
  std::string reply;
  for (std::size_t i = 0; i < length; ++i)
    reply += fmt::format("{:02x}", address + i < kMemory ? static_cast<unsigned>(byte_at(address + i)) : 0U);
  return reply;
}

}  // namespace ringside::gdbstub
