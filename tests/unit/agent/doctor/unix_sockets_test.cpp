// SPDX-License-Identifier: Apache-2.0
#include "agent/doctor/unix_sockets.h"

#include "tests/support/temporary_directory.h"
#include "tests/unit/agent/sources/bound_socket.h"

#include <gmock/gmock.h>
#include <unistd.h>

namespace ringside::agent::doctor {
namespace {

TEST(UnixSockets, TellWhoIsConnectedToAListener) {
  const ringside::testing::TemporaryDirectory directory;
  const std::string path = directory.file("monitor");
  const BoundSocket listener(path);
  auto sockets = list_unix_sockets();
  if (!sockets) GTEST_SKIP() << sockets.error().message;
  EXPECT_TRUE(clients_of(path, *sockets).empty());

  const int client = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  ASSERT_EQ(::connect(client, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  const int accepted = ::accept4(listener.descriptor(), nullptr, nullptr, SOCK_CLOEXEC);
  ASSERT_GE(accepted, 0);
  sockets = list_unix_sockets();
  ASSERT_TRUE(sockets.has_value());
  const auto clients = clients_of(path, *sockets);
  ASSERT_EQ(clients.size(), 1u);
  const auto owners = SocketOwners::look().of(clients[0]);
  ASSERT_EQ(owners.size(), 1u);
  EXPECT_EQ(owners[0].pid, ::getpid());
  EXPECT_EQ(owners[0].user, ::geteuid());
  ::close(accepted);
  ::close(client);
}

}  // namespace
}  // namespace ringside::agent::doctor
