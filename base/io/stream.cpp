// SPDX-License-Identifier: Apache-2.0
#include "base/io/stream.h"

#include "base/io/deadline.h"
#include "base/io/socket_stream.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/this_coro.hpp>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>

namespace ringside::io {

namespace {

namespace ssl = asio::ssl;
using asio::ip::tcp;
using asio::local::stream_protocol;
using boost::system::error_code;
using TlsSocket = ssl::stream<tcp::socket>;

using StreamResult = Result<std::unique_ptr<Stream>>;

std::string connect_hint(const error_code& error, const Endpoint& endpoint) {
  const bool local = endpoint.kind == Endpoint::Kind::unix_socket;
  switch (error.value()) {
    case ENOENT:
      return "check the path; is QEMU running, and does it listen there?";
    case EACCES:
    case EPERM:
      return "run as root or as the user that runs QEMU; a container or security profile can refuse too";
    case ECONNREFUSED:
      return local ? "the socket file is left over from a process that has ended, or is no listening socket"
                   : "check host and port; is QEMU running, and does it listen there?";
    case ENOTSOCK:
      return "this file is no socket";
    case EPROTOTYPE:
      return "this socket is of another type than a monitor's";
    case EHOSTUNREACH:
    case ENETUNREACH:
      return "check the host and the route to it";
    default:
      return {};
  }
}

tl::unexpected<Error> connect_failure(const error_code& error, const Endpoint& endpoint) {
  const std::string what = fmt::format("cannot connect to {}", to_string(endpoint));
  if (error == asio::error::operation_aborted) return fail(Errc::cancelled, what + ": cancelled");
  // A Unix socket whose backlog is full (QEMU listens with a backlog of 1) answers a non-blocking connect so.
  if (error == asio::error::try_again)
    return fail(Errc::monitor_busy, what + ": its queue of waiting connections is full",
                "another client holds it; it serves one at a time");
  return fail(Errc::refused, fmt::format("{}: {}", what, error.message()), connect_hint(error, endpoint));
}

/// Lets others run first. Asio (1.24) ends the program if a coroutine of `||` that has ended without ever
/// having waited is cancelled before that is known.
asio::awaitable<void> wait_a_turn() {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  auto turn = asio::post(executor, asio::use_awaitable);
  co_await std::move(turn);
}

asio::awaitable<StreamResult> connect_unix(const Endpoint& endpoint) {
  auto turn = wait_a_turn();
  co_await std::move(turn);
  // The path with its final zero byte must fit sockaddr_un (unix(7)).
  if (endpoint.path.empty() || endpoint.path.size() >= sizeof(sockaddr_un::sun_path))
    co_return fail(
        Errc::invalid_argument,
        fmt::format("cannot connect to {}: a socket's path has 1 to {} characters, this one {}",
                    to_string(endpoint), sizeof(sockaddr_un::sun_path) - 1, endpoint.path.size()),
        "use a shorter path, relative to the current directory, or a symbolic link to the directory");
  stream_protocol::socket socket(co_await asio::this_coro::executor);
  error_code error;
  socket.open(stream_protocol(), error);
  if (!error) socket.native_non_blocking(true, error);
  if (error) co_return connect_failure(error, endpoint);
  // Not async_connect: it takes EAGAIN (a full backlog) for "in progress", and then reports success. A
  // non-blocking connect to a Unix socket is never in progress (Linux net/unix/af_unix.c,
  // unix_stream_connect).
  const stream_protocol::endpoint address(endpoint.path);
  if (::connect(socket.native_handle(), address.data(), static_cast<socklen_t>(address.size())) != 0)
    co_return connect_failure(error_code(errno, boost::system::system_category()), endpoint);
  co_return std::make_unique<UnixStream>(std::move(socket));
}

/// A lookup that can be abandoned. getaddrinfo cannot be interrupted, so it runs beside the coroutine, which
/// waits on a timer that the lookup's end cancels.
struct Lookup {
  explicit Lookup(const asio::any_io_executor& executor)
      : resolver(executor), done(executor, std::chrono::steady_clock::time_point::max()) {}
  tcp::resolver resolver;
  asio::steady_timer done;
  bool finished = false;
  error_code error;
  tcp::resolver::results_type addresses;
};

asio::awaitable<Result<tcp::resolver::results_type>> resolve(const Endpoint& endpoint) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  auto lookup = std::make_shared<Lookup>(executor);
  lookup->resolver.async_resolve(
      endpoint.host, std::to_string(endpoint.port), tcp::resolver::numeric_service,
      [lookup](const error_code& error, const tcp::resolver::results_type& addresses) {
        lookup->finished = true;
        lookup->error = error;
        lookup->addresses = addresses;
        lookup->done.cancel();
      });
  co_await lookup->done.async_wait(kTuple);
  if (!lookup->finished)
    co_return fail(Errc::cancelled, fmt::format("looking up {}: cancelled", endpoint.host));
  if (lookup->error)
    co_return fail(Errc::refused,
                   fmt::format("cannot connect to {}: the host was not found: {}", to_string(endpoint),
                               lookup->error.message()),
                   "check the host name, or give an address");
  co_return std::move(lookup->addresses);
}

asio::awaitable<Result<tcp::socket>> connect_tcp_socket(const Endpoint& endpoint) {
  RINGSIDE_CO_TRY(const tcp::resolver::results_type addresses, co_await resolve(endpoint));
  tcp::socket socket(co_await asio::this_coro::executor);
  const auto [error, address] = co_await asio::async_connect(socket, addresses, kTuple);
  if (error) co_return connect_failure(error, endpoint);
  error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  co_return std::move(socket);
}

asio::awaitable<StreamResult> connect_tcp(const Endpoint& endpoint) {
  RINGSIDE_CO_TRY(tcp::socket socket, co_await connect_tcp_socket(endpoint));
  co_return std::make_unique<SocketStream<tcp::socket>>(std::move(socket));
}

/// A TLS stream keeps the context alive that it was made with (OpenSSL counts references to SSL_CTX).
Result<ssl::context> make_tls_context(const TlsOptions& options) {
  ssl::context context(ssl::context::tls_client);
  error_code error;
  const auto cannot_load = [&](std::string_view what, const std::string& file) {
    return fail(Errc::invalid_argument,
                fmt::format("cannot load the {} '{}': {}", what, file, error.message()),
                "give a readable file in PEM format");
  };
  context.set_verify_mode(ssl::verify_peer);
  SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
  if (options.ca_file.empty()) {
    if (context.set_default_verify_paths(error); error)
      return cannot_load("CA certificates", "system's CA store");
  } else if (context.load_verify_file(options.ca_file, error); error) {
    return cannot_load("CA certificate", options.ca_file);
  }
  if (options.certificate_file.empty() != options.key_file.empty())
    return fail(Errc::invalid_argument, "a client certificate and its key go together",
                "give both files or none");
  if (!options.certificate_file.empty()) {
    if (context.use_certificate_chain_file(options.certificate_file, error); error)
      return cannot_load("client certificate", options.certificate_file);
    if (context.use_private_key_file(options.key_file, ssl::context::pem, error); error)
      return cannot_load("client key", options.key_file);
  }
  return context;
}

/// The last byte goes in a record of its own. QEMU 7.2 takes a record off the socket with the first byte that
/// it reads, and then waits for the socket before it reads the others (chardev/char-socket.c,
/// io/channel-tls.c): a command that comes as one record is carried out when the next one comes.
class TlsClientStream final : public SocketStream<TlsSocket> {
 public:
  using SocketStream::SocketStream;
  asio::awaitable<Result<void>> write_all(asio::const_buffer from) override {
    if (from.size() > 1) {
      const asio::const_buffer all_but_last(from.data(), from.size() - 1);
      auto first = SocketStream::write_all(all_but_last);
      RINGSIDE_CO_CHECK(co_await std::move(first));
      from += from.size() - 1;
    }
    auto last = SocketStream::write_all(from);
    co_return co_await std::move(last);
  }
};

asio::awaitable<StreamResult> connect_tls(const Endpoint& endpoint) {
  RINGSIDE_CO_TRY(ssl::context context, make_tls_context(endpoint.tls));
  RINGSIDE_CO_TRY(tcp::socket socket, co_await connect_tcp_socket(endpoint));
  TlsSocket stream(std::move(socket), context);
  const std::string name = endpoint.tls.server_name.empty() ? endpoint.host : endpoint.tls.server_name;
  stream.set_verify_callback(ssl::host_name_verification(name));
  error_code no_address;
  asio::ip::make_address(name, no_address);
  if (no_address) SSL_set_tlsext_host_name(stream.native_handle(), name.c_str());  // RFC 6066: names only
  const auto [error] = co_await stream.async_handshake(ssl::stream_base::client, kTuple);
  if (error == asio::error::operation_aborted) co_return connect_failure(error, endpoint);
  if (error) {
    const long verdict = SSL_get_verify_result(stream.native_handle());
    const std::string what = fmt::format("cannot connect to {}: TLS handshake failed", to_string(endpoint));
    if (verdict == X509_V_OK)
      co_return fail(Errc::refused, fmt::format("{}: {}", what, error.message()), "does the port speak TLS?");
    co_return fail(Errc::refused,
                   fmt::format("{}: the certificate of '{}' is not trusted: {}", what, name,
                               X509_verify_cert_error_string(verdict)),
                   "name the CA that signed it, and the name that it carries");
  }
  co_return std::make_unique<TlsClientStream>(std::move(stream));
}

asio::awaitable<StreamResult> connect_any(const Endpoint& endpoint) {
  switch (endpoint.kind) {
    case Endpoint::Kind::tcp:
      co_return co_await connect_tcp(endpoint);
    case Endpoint::Kind::tls:
      co_return co_await connect_tls(endpoint);
    case Endpoint::Kind::libvirt:
      co_return fail(Errc::unsupported,
                     fmt::format("{} is reached through libvirt, not by a socket", to_string(endpoint)));
    case Endpoint::Kind::unix_socket:
      break;
  }
  co_return co_await connect_unix(endpoint);
}

}  // namespace

asio::awaitable<Result<void>> Stream::write_with_descriptor(asio::const_buffer, int) {
  co_return fail(Errc::unsupported, "file descriptors can be passed over a Unix socket only");
}

asio::awaitable<Result<void>> Stream::handshake() {
  auto turn = wait_a_turn();
  co_await std::move(turn);
  co_return Result<void>{};
}

asio::awaitable<StreamResult> connect(Endpoint endpoint, std::chrono::milliseconds deadline) {
  auto operation = connect_any(endpoint);
  auto bounded = with_deadline(std::move(operation), deadline, "connecting to " + to_string(endpoint));
  co_return co_await std::move(bounded);
}

}  // namespace ringside::io
