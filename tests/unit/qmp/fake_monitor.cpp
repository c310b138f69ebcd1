// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/qmp/fake_monitor.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <sys/socket.h>

#include <array>
#include <cstring>

namespace ringside::qmp::testing {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using local = asio::local::stream_protocol;

template <class Stream>
class StreamPeer : public Peer {
 public:
  explicit StreamPeer(Stream& stream) : stream_(stream) {}
  void send(std::string_view bytes) override {
    boost::system::error_code ignored;
    asio::write(stream_, asio::buffer(bytes), ignored);
  }

 protected:
  std::optional<char> get() override {
    boost::system::error_code error;
    char c = 0;
    stream_.read_some(asio::buffer(&c, 1), error);
    return error ? std::nullopt : std::optional(c);
  }
  Stream& stream_;
};

/// Reads byte by byte, as QEMU's monitor does, so that a descriptor is seen with the byte that it came with.
class UnixPeer : public StreamPeer<local::socket> {
 public:
  using StreamPeer::StreamPeer;

 protected:
  std::optional<char> get() override {
    char c = 0;
    iovec vector{&c, 1};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    if (recvmsg(stream_.native_handle(), &message, 0) != 1) return std::nullopt;
    if (const cmsghdr* header = CMSG_FIRSTHDR(&message))
      if (header->cmsg_type == SCM_RIGHTS && c == '{')
        std::memcpy(&descriptor_, CMSG_DATA(header), sizeof(int));
    return c;
  }
};

}  // namespace

void Peer::greet() {
  send(
      R"({"QMP": {"version": {"qemu": {"micro": 1, "minor": 2, "major": 7}, "package": "test"}, "capabilities": []}})"
      "\r\n");
}

bool Peer::negotiate() {
  greet();
  const auto asked = command();
  if (!asked || (*asked)["execute"] != "qmp_capabilities") return false;
  reply(*asked);
  return true;
}

bool Peer::welcome() {
  if (!negotiate()) return false;
  const auto asked = command();
  if (!asked || (*asked)["execute"] != "query-commands") return false;
  reply(*asked, Json::parse(R"([{"name": "stop"}, {"name": "query-status"}])"));
  return true;
}

void Peer::reply(const Json& command, const Json& value) {
  send(Json{{"return", value}, {"id", command["id"]}}.dump() + "\r\n");
}

std::optional<Json> Peer::command() {
  std::string line;
  while (const auto c = get()) {
    line += *c;
    if (*c == '\n') return Json::parse(line);
  }
  return std::nullopt;
}

void Peer::wait_for_close() {
  while (get()) continue;
}

FakeMonitor::FakeMonitor(io::Endpoint::Kind kind, Script script) {
  endpoint_.kind = kind;
  if (kind == io::Endpoint::Kind::unix_socket) {
    endpoint_.path = directory_.file("qmp");
    unix_acceptor_ = local::acceptor(context_, local::endpoint(endpoint_.path));
  } else {
    tcp_acceptor_ = tcp::acceptor(context_, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    endpoint_.host = "localhost";
    endpoint_.port = tcp_acceptor_.local_endpoint().port();
  }
  if (kind == io::Endpoint::Kind::tls) {
    const auto files = ringside::testing::make_certificates(directory_.path().string());
    tls_.use_certificate_chain_file(files.server);
    tls_.use_private_key_file(files.server_key, asio::ssl::context::pem);
    endpoint_.tls.ca_file = files.ca;
  }
  thread_ = std::thread([this, script = std::move(script)] { serve(script); });
}

FakeMonitor::~FakeMonitor() {
  thread_.join();
}

void FakeMonitor::serve(const Script& script) {
  if (endpoint_.kind == io::Endpoint::Kind::unix_socket) {
    local::socket socket = unix_acceptor_.accept();
    UnixPeer peer(socket);
    return script(peer);
  }
  tcp::socket socket = tcp_acceptor_.accept();
  if (endpoint_.kind == io::Endpoint::Kind::tcp) {
    StreamPeer<tcp::socket> peer(socket);
    return script(peer);
  }
  asio::ssl::stream<tcp::socket> stream(std::move(socket), tls_);
  boost::system::error_code error;
  stream.handshake(asio::ssl::stream_base::server, error);
  if (error) return;
  StreamPeer<asio::ssl::stream<tcp::socket>> peer(stream);
  script(peer);
}

}  // namespace ringside::qmp::testing
