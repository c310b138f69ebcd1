// SPDX-License-Identifier: Apache-2.0
#include "base/io/endpoint.h"

#include <gtest/gtest.h>

namespace ringside::io {
namespace {

TEST(Endpoint, PathsAreUnixSockets) {
  for (const char* text : {"/run/vm.qmp", "./vm.qmp", "../vm.qmp", "unix:vm.qmp", "unix:/run/a:b"}) {
    const auto endpoint = parse_endpoint(text);
    ASSERT_TRUE(endpoint) << text;
    EXPECT_EQ(endpoint->kind, Endpoint::Kind::unix_socket) << text;
  }
  EXPECT_EQ(parse_endpoint("unix:/run/a:b")->path, "/run/a:b");
  EXPECT_EQ(parse_endpoint("./vm.qmp")->path, "./vm.qmp");
}

TEST(Endpoint, TcpAndTlsHaveHostAndPort) {
  const auto tcp = parse_endpoint("tcp:host.example:4444");
  ASSERT_TRUE(tcp);
  EXPECT_EQ(tcp->kind, Endpoint::Kind::tcp);
  EXPECT_EQ(tcp->host, "host.example");
  EXPECT_EQ(tcp->port, 4444);
  const auto tls = parse_endpoint("tls:[fe80::1]:65535");
  ASSERT_TRUE(tls);
  EXPECT_EQ(tls->kind, Endpoint::Kind::tls);
  EXPECT_EQ(tls->host, "fe80::1");
  EXPECT_EQ(tls->port, 65535);
}

TEST(Endpoint, TextAndEndpointAreInverse) {
  for (const char* text : {"/run/vm.qmp", "./x", "unix:x", "tcp:127.0.0.1:1", "tls:h:2", "tcp:[::1]:3",
                           "libvirt:web 1", "libvirt:a@b", "libvirt:a@b@qemu+ssh://root@h/system?x=a://b"}) {
    const auto endpoint = parse_endpoint(text);
    ASSERT_TRUE(endpoint) << text;
    EXPECT_EQ(to_string(*endpoint), text);
    EXPECT_EQ(parse_endpoint(to_string(*endpoint)).value(), *endpoint);
  }
}

TEST(Endpoint, ALibvirtDomainMayNameItsConnection) {
  const auto local = parse_endpoint("libvirt:web1");
  ASSERT_TRUE(local);
  EXPECT_EQ(local->kind, Endpoint::Kind::libvirt);
  EXPECT_EQ(local->domain, "web1");
  EXPECT_EQ(local->uri, "");
  const auto named = parse_endpoint("libvirt:a@b@qemu+ssh://root@host/system");
  ASSERT_TRUE(named);
  EXPECT_EQ(named->domain, "a@b");
  EXPECT_EQ(named->uri, "qemu+ssh://root@host/system");
}

TEST(Endpoint, WhatIsNoEndpointIsRefusedWithTheFormsThatAre) {
  using std::string_view_literals::operator""sv;
  for (const auto text : {""sv,
                          "vm.qmp"sv,
                          "unix:"sv,
                          "tcp:"sv,
                          "tcp:host"sv,
                          "tcp:host:"sv,
                          "tcp::1"sv,
                          "tcp:h:0"sv,
                          "tcp:h:65536"sv,
                          "tcp:h:-1"sv,
                          "tcp:::1:5"sv,
                          "tcp:[::1]"sv,
                          "tcp:[]:1"sv,
                          "tcp:[::1:5"sv,
                          "http://h:80"sv,
                          "/a\0b"sv,
                          "tcp:h\0i:5"sv,
                          "libvirt:"sv,
                          "libvirt:qemu:///system"sv,
                          "libvirt:@qemu:///system"sv,
                          "libvirt:a/b"sv,
                          "libvirt:a\nb"sv}) {
    const auto endpoint = parse_endpoint(text);
    ASSERT_FALSE(endpoint) << text;
    EXPECT_EQ(endpoint.error().code, Errc::invalid_argument);
    EXPECT_NE(endpoint.error().hint.find("tcp:HOST:PORT"), std::string::npos);
  }
}

}  // namespace
}  // namespace ringside::io
