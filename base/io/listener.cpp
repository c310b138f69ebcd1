// SPDX-License-Identifier: Apache-2.0
#include "base/io/listener.h"

#include "base/io/socket_stream.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/ssl.hpp>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>

namespace ringside::io {

namespace {

namespace ssl = asio::ssl;
using asio::ip::tcp;
using asio::local::stream_protocol;
using boost::system::error_code;
using StreamResult = Result<std::unique_ptr<Stream>>;

/// The subject of the peer's certificate, "CN=client,O=x".
std::string subject_of(SSL* session) {
  if (SSL_get_verify_result(session) != X509_V_OK) return {};
  const X509* certificate = SSL_get0_peer_certificate(session);
  if (certificate == nullptr) return {};
  BIO* memory = BIO_new(BIO_s_mem());
  if (memory == nullptr) return {};
  X509_NAME_print_ex(memory, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
  char* text = nullptr;
  const long size = BIO_get_mem_data(memory, &text);
  std::string subject(text, size > 0 ? static_cast<std::size_t>(size) : 0);
  BIO_free(memory);
  return subject;
}

class TlsServerStream final : public SocketStream<ssl::stream<tcp::socket>> {
 public:
  TlsServerStream(tcp::socket socket, ssl::context& context)
      : SocketStream(ssl::stream<tcp::socket>(std::move(socket), context)) {}

  asio::awaitable<Result<void>> handshake() override {
    const auto [error] = co_await socket_.async_handshake(ssl::stream_base::server, kTuple);
    if (error) co_return stream_failure(error, "TLS handshake");
    subject_ = subject_of(socket_.native_handle());
    co_return Result<void>{};
  }
  std::string peer_certificate() const override { return subject_; }

 private:
  std::string subject_;
};

tl::unexpected<Error> cannot_listen(const std::string& where, const error_code& error,
                                    std::string hint = {}) {
  const bool denied = error.value() == EACCES || error.value() == EPERM;
  return fail(denied ? Errc::permission : Errc::io,
              fmt::format("cannot listen at {}: {}", where, error.message()), std::move(hint));
}

error_code last_error() {
  return error_code(errno, boost::system::system_category());
}

class UnixListener final : public Listener {
 public:
  UnixListener(stream_protocol::acceptor acceptor, std::string path, const struct stat& made)
      : acceptor_(std::move(acceptor)), path_(std::move(path)), made_(made) {}
  ~UnixListener() override { close(); }

  asio::awaitable<StreamResult> accept() override {
    auto [error, socket] = co_await acceptor_.async_accept(kTuple);
    if (error) co_return stream_failure(error, "accepting");
    co_return std::make_unique<UnixStream>(std::move(socket));
  }

  void close() override {
    if (!acceptor_.is_open()) return;
    error_code ignored;
    acceptor_.close(ignored);
    struct stat now {};  // not the socket of another that has taken the place
    if (::lstat(path_.c_str(), &now) == 0 && now.st_ino == made_.st_ino && now.st_dev == made_.st_dev)
      ::unlink(path_.c_str());
  }

 private:
  stream_protocol::acceptor acceptor_;
  std::string path_;
  struct stat made_;
};

class TcpListener final : public Listener {
 public:
  TcpListener(tcp::acceptor acceptor, std::optional<ssl::context> tls)
      : acceptor_(std::move(acceptor)), port_(acceptor_.local_endpoint().port()), tls_(std::move(tls)) {}

  asio::awaitable<StreamResult> accept() override {
    auto [error, socket] = co_await acceptor_.async_accept(kTuple);
    if (error) co_return stream_failure(error, "accepting");
    error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    if (tls_) co_return std::make_unique<TlsServerStream>(std::move(socket), *tls_);
    co_return std::make_unique<SocketStream<tcp::socket>>(std::move(socket));
  }

  void close() override {
    error_code ignored;
    acceptor_.close(ignored);
  }
  std::uint16_t port() const override { return port_; }

 private:
  tcp::acceptor acceptor_;
  std::uint16_t port_;
  std::optional<ssl::context> tls_;
};

/// Removes a socket's file that nobody listens at any more.
Result<void> clear_way(const std::string& path) {
  struct stat there {};
  if (::lstat(path.c_str(), &there) != 0) return {};
  if (!S_ISSOCK(there.st_mode))
    return fail(Errc::invalid_argument,
                fmt::format("cannot listen at {}: a file of another kind is there", path),
                "choose another path");
  asio::io_context context;
  stream_protocol::socket probe(context);
  error_code error;
  probe.connect(stream_protocol::endpoint(path), error);
  if (error != asio::error::connection_refused)
    return fail(Errc::refused, fmt::format("cannot listen at {}: somebody listens there already", path),
                "is another agent running?");
  if (::unlink(path.c_str()) != 0) return cannot_listen(path, last_error());
  return {};
}

Result<ssl::context> make_context(const ListenerTls& tls) {
  ssl::context context(ssl::context::tls_server);
  error_code error;
  const auto cannot_load = [&](std::string_view what, const std::string& file) {
    return fail(Errc::invalid_argument,
                fmt::format("cannot load the {} '{}': {}", what, file, error.message()),
                "give a readable file in PEM format");
  };
  SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
  if (context.use_certificate_chain_file(tls.certificate_file, error); error)
    return cannot_load("server certificate", tls.certificate_file);
  if (context.use_private_key_file(tls.key_file, ssl::context::pem, error); error)
    return cannot_load("server key", tls.key_file);
  if (tls.client_ca_file.empty()) return context;
  if (context.load_verify_file(tls.client_ca_file, error); error)
    return cannot_load("CA certificate of clients", tls.client_ca_file);
  context.set_verify_mode(ssl::verify_peer |
                          (tls.certificate_required ? ssl::verify_fail_if_no_peer_cert : ssl::verify_none));
  // Sessions are not resumed: a certificate is looked at anew each time.
  SSL_CTX_set_session_cache_mode(context.native_handle(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(context.native_handle(), SSL_OP_NO_TICKET);
  return context;
}

Result<asio::ip::address> parse_address(const std::string& host) {
  error_code error;
  const auto address = asio::ip::make_address(host == "localhost" ? "127.0.0.1" : host, error);
  if (error)
    return fail(Errc::invalid_argument, fmt::format("cannot listen at '{}': it is no address", host),
                "write an IPv4 or IPv6 address, or localhost");
  return address;
}

}  // namespace

Result<std::unique_ptr<Listener>> listen_unix(const asio::any_io_executor& executor, const std::string& path,
                                              mode_t mode, std::optional<gid_t> group) {
  if (path.empty() || path.size() >= sizeof(sockaddr_un::sun_path))
    return fail(Errc::invalid_argument,
                fmt::format("cannot listen at '{}': a socket's path has 1 to {} characters", path,
                            sizeof(sockaddr_un::sun_path) - 1));
  RINGSIDE_CHECK(clear_way(path));
  stream_protocol::acceptor acceptor(executor);
  error_code error;
  acceptor.open(stream_protocol(), error);
  if (error) return cannot_listen(path, error);
  // The file comes into being with the mode of its socket (Linux net/unix/af_unix.c, unix_bind_bsd), so that
  // nobody gets in before its group is set.
  if (::fchmod(acceptor.native_handle(), S_IRUSR | S_IWUSR) != 0) return cannot_listen(path, last_error());
  acceptor.bind(stream_protocol::endpoint(path), error);
  if (error) return cannot_listen(path, error, error.value() == ENOENT ? "make the directory first" : "");
  struct stat made {};
  if (::lstat(path.c_str(), &made) != 0 ||
      (group && made.st_gid != *group && ::lchown(path.c_str(), static_cast<uid_t>(-1), *group) != 0) ||
      ::chmod(path.c_str(), mode) != 0) {
    error = last_error();
    ::unlink(path.c_str());
    return cannot_listen(path, error);
  }
  acceptor.listen(stream_protocol::acceptor::max_listen_connections, error);
  auto listener = std::make_unique<UnixListener>(std::move(acceptor), path, made);
  if (error) return cannot_listen(path, error);
  return listener;
}

Result<std::unique_ptr<Listener>> listen_tcp(const asio::any_io_executor& executor, const std::string& host,
                                             std::uint16_t port, const std::optional<ListenerTls>& tls) {
  RINGSIDE_TRY(const asio::ip::address address, parse_address(host));
  std::optional<ssl::context> context;
  if (tls) {
    RINGSIDE_TRY(ssl::context made, make_context(*tls));
    context = std::move(made);
  }
  tcp::acceptor acceptor(executor);
  const tcp::endpoint endpoint(address, port);
  error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(tcp::acceptor::max_listen_connections, error);
  if (error) return cannot_listen(fmt::format("{} port {}", host, port), error);
  return std::make_unique<TcpListener>(std::move(acceptor), std::move(context));
}

Result<bool> is_loopback(const std::string& host) {
  RINGSIDE_TRY(const asio::ip::address address, parse_address(host));
  return address.is_loopback();
}

}  // namespace ringside::io
