// SPDX-License-Identifier: Apache-2.0
#include "agent/http/http_client.h"
#include "agent/http/http_server.h"
#include "tests/support/certificates.h"
#include "tests/support/raw_client.h"
#include "tests/support/temporary_directory.h"
#include "tests/unit/agent/http/fake_api.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <fstream>

namespace ringside::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kToken = "0123456789abcdef0123";

class HttpNetworkTest : public ::testing::Test {
 protected:
  HttpNetworkTest() : files_(testing::make_certificates(directory_.path().string())) {
    options_.host = "127.0.0.1";
    std::ofstream(token_) << kToken << '\n';
    ::chmod(token_.c_str(), 0600);
  }
  void with_tls() {
    options_.certificate_file = files_.server;
    options_.key_file = files_.server_key;
  }
  Errc refusal() {
    const auto server = HttpServer::start(loop_, options_, api_);
    return server ? Errc{} : server.error().code;
  }
  void start() {
    auto server = HttpServer::start(loop_, options_, api_);
    ASSERT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
    client_.endpoint.kind =
        options_.certificate_file.empty() ? io::Endpoint::Kind::tcp : io::Endpoint::Kind::tls;
    client_.endpoint.host = "localhost";
    client_.endpoint.port = server_->port();
    client_.endpoint.tls.ca_file = files_.ca;
    client_.timeout = std::chrono::seconds(60);
  }
  Result<Json> get() { return HttpClient(client_loop_, client_).get("/api/v1/status"); }
  Result<Json> reload() { return HttpClient(client_loop_, client_).post("/api/v1/reload", Json::object()); }

  testing::TemporaryDirectory directory_;
  testing::Certificates files_;
  std::string token_ = directory_.file("token");
  FakeApi api_;
  ListenOptions options_;
  HttpClient::Options client_;
  io::EventLoop loop_, client_loop_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpNetworkTest, LoopbackReadsAndChangesNothing) {
  start();
  EXPECT_THAT(server_->where(), StartsWith("http://127.0.0.1:"));
  const auto status = get();
  EXPECT_TRUE(status) << status.error().message;
  EXPECT_EQ(reload().error().code, Errc::permission);
}

TEST_F(HttpNetworkTest, ARequestForAnotherHostIsNotAnswered) {
  start();
  testing::RawClient rebound(server_->port());
  rebound.send("GET /api/v1/status HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(rebound.read_all(), StartsWith("HTTP/1.1 421 "));
  EXPECT_TRUE(api_.calls().empty());
}

TEST_F(HttpNetworkTest, ElsewhereThanLoopbackNeedsTlsAndToKnowItsClients) {
  options_.host = "0.0.0.0";
  EXPECT_EQ(refusal(), Errc::invalid_argument);
  options_.token_file = token_;
  EXPECT_EQ(refusal(), Errc::invalid_argument) << "a token alone would be read along";
  options_.token_file.clear();
  with_tls();
  EXPECT_EQ(refusal(), Errc::invalid_argument) << "TLS alone lets everybody in";
  options_.token_file = token_;
  EXPECT_EQ(refusal(), Errc{});
  options_.token_file.clear();
  options_.client_ca_file = files_.ca;
  EXPECT_EQ(refusal(), Errc{});
}

TEST_F(HttpNetworkTest, WhatCannotBeUsedIsRefusedAtStart) {
  options_.host = "example.com";
  EXPECT_EQ(refusal(), Errc::invalid_argument);
  options_.host = "127.0.0.1";
  options_.certificate_file = files_.server;
  EXPECT_EQ(refusal(), Errc::invalid_argument);
  options_.key_file = directory_.file("none.pem");
  EXPECT_EQ(refusal(), Errc::invalid_argument);
  options_.certificate_file = options_.key_file = "";
  options_.client_ca_file = files_.ca;
  EXPECT_EQ(refusal(), Errc::invalid_argument);
  options_.client_ca_file = "";
  ::chmod(token_.c_str(), 0644);
  options_.token_file = token_;
  EXPECT_EQ(refusal(), Errc::permission);
}

TEST_F(HttpNetworkTest, ATokenOpensAServerWithTls) {
  with_tls();
  options_.token_file = token_;
  start();
  const auto without = get();
  ASSERT_FALSE(without);
  EXPECT_EQ(without.error().code, Errc::permission);
  client_.headers["Authorization"] = "Bearer 0123456789abcdef0124";
  EXPECT_FALSE(get());
  EXPECT_TRUE(api_.calls().empty());
  client_.headers["Authorization"] = std::string("Bearer ") + kToken;
  EXPECT_TRUE(get());
  EXPECT_TRUE(reload());
  EXPECT_THAT(api_.calls(), ::testing::Contains("reload token"));
}

TEST_F(HttpNetworkTest, AClientCertificateOpensItAndNoneDoesNotGetPastTheHandshake) {
  with_tls();
  options_.client_ca_file = files_.ca;
  start();
  EXPECT_FALSE(get());
  EXPECT_EQ(server_->statistics().requests, 0u);
  client_.endpoint.tls.certificate_file = files_.client;
  client_.endpoint.tls.key_file = files_.client_key;
  const auto done = reload();
  EXPECT_TRUE(done) << done.error().message;
  EXPECT_THAT(api_.calls(), ::testing::Contains("reload certificate CN=client"));
  testing::TemporaryDirectory other;
  const auto foreign = testing::make_certificates(other.path().string());
  client_.endpoint.tls.certificate_file = foreign.client;
  client_.endpoint.tls.key_file = foreign.client_key;
  EXPECT_FALSE(get()) << "signed by another CA";
}

TEST_F(HttpNetworkTest, WithBothEitherWillDo) {
  with_tls();
  options_.client_ca_file = files_.ca;
  options_.token_file = token_;
  start();
  EXPECT_FALSE(get());
  client_.headers["Authorization"] = std::string("Bearer ") + kToken;
  EXPECT_TRUE(get());
  client_.headers.clear();
  client_.endpoint.tls.certificate_file = files_.client;
  client_.endpoint.tls.key_file = files_.client_key;
  EXPECT_TRUE(get());
}

TEST_F(HttpNetworkTest, AHandshakeThatNeverComesHoldsUpNobodyAndEnds) {
  with_tls();
  options_.token_file = token_;
  options_.limits.request_time = std::chrono::milliseconds(500);
  start();
  testing::RawClient silent(server_->port());
  client_.headers["Authorization"] = std::string("Bearer ") + kToken;
  EXPECT_TRUE(get());
  EXPECT_EQ(silent.read_all(), "");
  EXPECT_EQ(server_->statistics().too_slow, 1u);
}

}  // namespace
}  // namespace ringside::agent
