// SPDX-License-Identifier: Apache-2.0
#include "agent/target.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

namespace ringside::agent {
namespace {

std::string scratch(const std::string& name) {
  return testing::TempDir() + "ringside-target-" + name;
}

TEST(ParseTarget, ReadsTcpAndTlsEndpoints) {
  const auto tcp = parse_target("tcp:192.0.2.1:4444");
  ASSERT_TRUE(tcp.has_value()) << tcp.error().message;
  EXPECT_EQ(std::get<io::Endpoint>(*tcp).kind, io::Endpoint::Kind::tcp);
  EXPECT_EQ(std::get<io::Endpoint>(*tcp).port, 4444);
  const auto tls =
      parse_target("tls:vm.example.org:4444",
                   {.ca_file = "ca.pem", .certificate_file = {}, .key_file = {}, .server_name = {}});
  ASSERT_TRUE(tls.has_value()) << tls.error().message;
  EXPECT_EQ(std::get<io::Endpoint>(*tls).tls.ca_file, "ca.pem");
}

TEST(ParseTarget, RefusesTlsOptionsForAnythingElse) {
  const auto target = parse_target(
      "tcp:192.0.2.1:4444", {.ca_file = "ca.pem", .certificate_file = {}, .key_file = {}, .server_name = {}});
  ASSERT_FALSE(target.has_value());
  EXPECT_EQ(target.error().code, Errc::invalid_argument);
}

TEST(ParseTarget, RefusesBadPorts) {
  EXPECT_FALSE(parse_target("tcp:host:0x").has_value());
  EXPECT_FALSE(parse_target("tcp:host").has_value());
  EXPECT_FALSE(parse_target("").has_value());
}

TEST(ParseTarget, ASocketFileIsAMonitor) {
  const std::string path = scratch("socket");
  ::unlink(path.c_str());
  const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  ASSERT_LT(path.size(), sizeof address.sun_path);
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  const auto target = parse_target(path);
  ::close(descriptor);
  ::unlink(path.c_str());
  ASSERT_TRUE(target.has_value()) << target.error().message;
  EXPECT_EQ(std::get<io::Endpoint>(*target).path, path);
}

TEST(ParseTarget, SaysWhatIsThereInsteadOfATarget) {
  const std::string path = scratch("text");
  std::ofstream(path) << "hello";
  const auto file = parse_target(path);
  ASSERT_FALSE(file.has_value());
  EXPECT_EQ(file.error().code, Errc::refused);
  EXPECT_NE(file.error().message.find("neither a socket nor a ringside snapshot"), std::string::npos);
  ::unlink(path.c_str());
  const auto nothing = parse_target(path);
  ASSERT_FALSE(nothing.has_value());
  EXPECT_NE(nothing.error().message.find("No such file"), std::string::npos);
  EXPECT_FALSE(nothing.error().hint.empty());
}

}  // namespace
}  // namespace ringside::agent
