// SPDX-License-Identifier: Apache-2.0
#include "agent/http/http_server.h"

#include "agent/http/server_state.h"
#include "base/bytes.h"
#include "base/io/deadline.h"
#include "base/io/event_loop_asio.h"

#include <boost/asio/detached.hpp>
#include <fmt/format.h>
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

namespace ringside::agent {

namespace asio = io::asio;
using std::chrono_literals::operator""ms;

namespace {

constexpr mode_t kSocketMode = S_IRUSR | S_IWUSR | S_IRGRP | S_IWGRP;

Result<gid_t> group_named(const std::string& name) {
  if (const auto number = parse_number(name)) return static_cast<gid_t>(*number);
  std::vector<char> buffer(64 * 1024);
  group entry{};
  group* found = nullptr;
  if (::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
    return fail(Errc::invalid_argument, fmt::format("there is no group \"{}\"", name),
                "groupadd --system " + name);
  return entry.gr_gid;
}

/// TCP: what must be known of clients before anything is offered there.
Result<http::NetworkAccess> network_access(const ListenOptions& options) {
  http::NetworkAccess access;
  if (options.certificate_file.empty() != options.key_file.empty())
    return fail(Errc::invalid_argument, "the server's certificate and its key go together",
                "give both or none");
  const bool tls = !options.certificate_file.empty(), certificates = !options.client_ca_file.empty();
  if (certificates && !tls)
    return fail(Errc::invalid_argument, "client certificates need TLS", "give a certificate and a key");
  if (!options.token_file.empty()) {
    RINGSIDE_TRY(access.token, http::read_token(options.token_file));
  }
  access.required = certificates || !access.token.empty();
  RINGSIDE_TRY(const bool loopback, io::is_loopback(options.host));
  if (!loopback && !tls)
    return fail(Errc::invalid_argument,
                fmt::format("refused to listen at {} without TLS: all could read along", options.host),
                "give a certificate and a key, or listen at 127.0.0.1 or a Unix socket");
  if (!loopback && !access.required)
    return fail(Errc::invalid_argument, fmt::format("refused to listen at {} for everybody", options.host),
                "give a CA of clients' certificates, or a token file");
  return access;
}

asio::awaitable<void> accept_all(std::shared_ptr<HttpServer::Impl> server) {
  for (;;) {
    auto accepted = co_await server->listener->accept();
    if (server->stopping) break;
    if (!accepted) {  // no descriptors left, say: existing connections will give some back
      asio::steady_timer pause(server->executor, 100ms);
      co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
      continue;
    }
    ++server->connections;
    server->begin();
    asio::co_spawn(server->executor, http::serve(server, std::move(*accepted)), asio::detached);
  }
  server->end();
}

}  // namespace

HttpServer::Impl::Impl(io::EventLoop& loop, ListenOptions how, AgentApi& agent)
    : executor(io::executor(loop)),
      options(std::move(how)),
      api(agent),
      own_uid(::geteuid()),
      socket_group(::getegid()),
      workers(std::max<std::size_t>(options.limits.workers, 1)) {}

void HttpServer::Impl::end() {
  if (--coroutines == 0 && stopping) all_gone.set_value();
}

void HttpServer::Impl::stop() {
  stopping = true;
  listener->close();
  for (io::Stream* stream : streams) stream->close();
  for (asio::steady_timer* timer : sleeping) timer->cancel();
}

Result<std::unique_ptr<HttpServer>> HttpServer::start(io::EventLoop& loop, ListenOptions options,
                                                      AgentApi& api) {
  if (options.path.empty() == options.host.empty())
    return fail(Errc::invalid_argument, "a server listens at a Unix socket or at a host, one of them");
  auto impl = std::make_shared<Impl>(loop, std::move(options), api);
  const ListenOptions& how = impl->options;
  std::string where = how.path;
  if (impl->is_unix()) {
    if (!how.group.empty()) {
      RINGSIDE_TRY(impl->socket_group, group_named(how.group));
    }
    RINGSIDE_TRY(impl->listener, io::listen_unix(impl->executor, how.path, kSocketMode, impl->socket_group));
  } else {
    RINGSIDE_TRY(impl->network, network_access(how));
    impl->tls = !how.certificate_file.empty();
    std::optional<io::ListenerTls> tls;
    if (impl->tls)
      tls = io::ListenerTls{how.certificate_file, how.key_file, how.client_ca_file, how.token_file.empty()};
    RINGSIDE_TRY(impl->listener, io::listen_tcp(impl->executor, how.host, how.port, tls));
    const bool brackets = how.host.find(':') != std::string::npos;
    where = fmt::format("{}://{}{}{}:{}", impl->tls ? "https" : "http", brackets ? "[" : "", how.host,
                        brackets ? "]" : "", impl->listener->port());
  }
  impl->begin();
  asio::co_spawn(impl->executor, accept_all(impl), asio::detached);
  const std::uint16_t port = impl->listener->port();
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl), std::move(where), port));
}

HttpServer::HttpServer(std::shared_ptr<Impl> impl, std::string where, std::uint16_t port)
    : impl_(std::move(impl)), where_(std::move(where)), port_(port) {}

HttpServer::~HttpServer() {
  auto gone = impl_->all_gone.get_future();
  asio::post(impl_->executor, [impl = impl_] { impl->stop(); });
  gone.wait();
  impl_->workers.join();
}

HttpServer::Statistics HttpServer::statistics() const {
  return {impl_->connections, impl_->refused, impl_->requests, impl_->too_slow, impl_->streams_cut};
}

}  // namespace ringside::agent
