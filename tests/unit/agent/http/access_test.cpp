// SPDX-License-Identifier: Apache-2.0
#include "agent/http/access.h"

#include "tests/support/temporary_directory.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <fstream>

namespace ringside::agent::http {
namespace {

constexpr uid_t kOwn = 500, kSomebody = 1000;
constexpr gid_t kGroup = 77, kOther = 88;

TEST(HttpAccess, AtTheControlSocketThePeerDecides) {
  const auto of = [](uid_t uid, gid_t gid, std::vector<gid_t> groups) {
    return access_of_peer({1, uid, gid}, groups, kOwn, kGroup);
  };
  for (const uid_t writer : {uid_t{0}, kOwn}) {
    EXPECT_TRUE(of(writer, kOther, {}).may_read);
    EXPECT_TRUE(of(writer, kOther, {}).caller.may_write);
  }
  for (const Access& member : {of(kSomebody, kGroup, {}), of(kSomebody, kOther, {1, kGroup})}) {
    EXPECT_TRUE(member.may_read);
    EXPECT_FALSE(member.caller.may_write);
    EXPECT_EQ(member.caller.name, "uid 1000");
  }
  EXPECT_FALSE(of(kSomebody, kOther, {kOther}).may_read);
}

TEST(HttpAccess, OverTcpACertificateOrTheTokenDecides) {
  const NetworkAccess required{true, "0123456789abcdef"};
  EXPECT_TRUE(access_of_network(required, "CN=prometheus", "").caller.may_write);
  EXPECT_EQ(access_of_network(required, "CN=prometheus", "").caller.name, "certificate CN=prometheus");
  EXPECT_TRUE(access_of_network(required, "", "Bearer 0123456789abcdef").may_read);
  for (const char* bad : {"", "Bearer ", "Bearer 0123456789abcdeg", "Bearer 0123456789abcde",
                          "0123456789abcdef", "Basic 0123456789abcdef"})
    EXPECT_FALSE(access_of_network(required, "", bad).may_read) << bad;
  EXPECT_FALSE(access_of_network({true, ""}, "", "Bearer ").may_read);
  const Access loopback = access_of_network({}, "", "");
  EXPECT_TRUE(loopback.may_read);
  EXPECT_FALSE(loopback.caller.may_write);
}

TEST(HttpAccess, OnlyNamesOfLoopbackAreOurs) {
  for (const char* good : {"localhost", "localhost:9273", "127.0.0.1:1", "[::1]", "[::1]:80"})
    EXPECT_TRUE(names_loopback(good)) << good;
  for (const char* bad :
       {"", "evil.example", "evil.example:9273", "localhost.evil.example", "127.0.0.1.evil"})
    EXPECT_FALSE(names_loopback(bad)) << bad;
}

TEST(HttpAccess, ATokenIsLongAndNobodyElseReadsIt) {
  testing::TemporaryDirectory directory;
  const std::string path = directory.file("token");
  EXPECT_EQ(read_token(path).error().code, Errc::invalid_argument);
  std::ofstream(path) << "0123456789abcdef\n";
  ::chmod(path.c_str(), 0640);
  EXPECT_EQ(read_token(path).error().code, Errc::permission);
  ::chmod(path.c_str(), 0600);
  EXPECT_EQ(read_token(path).value(), "0123456789abcdef");
  std::ofstream(path) << "short\n";
  EXPECT_FALSE(read_token(path));
  std::ofstream(path) << "0123456789 abcdef\n";
  EXPECT_FALSE(read_token(path));
}

}  // namespace
}  // namespace ringside::agent::http
