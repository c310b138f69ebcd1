// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/io/endpoint.h"
#include "qmp/message.h"
#include "tests/support/certificates.h"
#include "tests/support/temporary_directory.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/ssl/context.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

namespace ringside::qmp::testing {

/// The monitor's end of one connection, blocking. Every read gives nullopt once the client is gone.
class Peer {
 public:
  virtual ~Peer() = default;
  /// Errors are ignored: a client that has hung up is the tests' business.
  virtual void send(std::string_view bytes) = 0;
  void greet();
  /// Greets, and answers the capabilities negotiation and, as every Monitor asks for it, query-commands.
  bool negotiate();
  bool welcome();
  void reply(const Json& command, const Json& value = Json::object());
  /// The next command of the client.
  std::optional<Json> command();
  /// The descriptor that came with the first byte of the command read last, -1 if none; the caller closes it.
  int take_descriptor() { return std::exchange(descriptor_, -1); }
  void wait_for_close();

 protected:
  /// One byte, or nothing at the end; sets descriptor_ if one came along.
  virtual std::optional<char> get() = 0;
  int descriptor_ = -1;
};

/// A QMP server for one connection, played by a script on a thread of its own. The destructor waits for its
/// end.
class FakeMonitor {
 public:
  using Script = std::function<void(Peer&)>;
  FakeMonitor(io::Endpoint::Kind kind, Script script);
  ~FakeMonitor();

  const io::Endpoint& endpoint() const { return endpoint_; }

 private:
  void serve(const Script& script);

  ringside::testing::TemporaryDirectory directory_;
  io::Endpoint endpoint_;
  boost::asio::io_context context_;
  boost::asio::local::stream_protocol::acceptor unix_acceptor_{context_};
  boost::asio::ip::tcp::acceptor tcp_acceptor_{context_};
  boost::asio::ssl::context tls_{boost::asio::ssl::context::tls_server};
  std::thread thread_;
};

}  // namespace ringside::qmp::testing
