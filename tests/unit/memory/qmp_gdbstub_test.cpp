// SPDX-License-Identifier: Apache-2.0
#include "guest/memory/backends.h"
#include "tests/unit/memory/backend_fixture.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

namespace ringside::guest::memory {
namespace {

using qmp::Json;
using testing::BackendFixture;

class Qmp : public BackendFixture {};

TEST_F(Qmp, NoCommandAsksForMoreThanAMebibyte) {
  const auto memory = qmp();
  Bytes into(kRomStart), expected(kRomStart);
  ASSERT_TRUE(memory->read(Gpa{0}, into));
  reference(Gpa{0}, expected);
  EXPECT_EQ(into, expected);
  EXPECT_EQ(monitor_.calls().size(), 3u);
  for (const auto& call : monitor_.calls())
    EXPECT_LE(call.arguments.at("size").get<std::uint64_t>(), 1u << 20);
}

TEST_F(Qmp, NeighboursShareACommandButRangesDoNot) {
  const auto memory = qmp();
  std::vector<Bytes> buffers(64, Bytes(64));
  std::vector<ReadRequest> requests;
  for (std::size_t i = 0; i < 62; ++i) requests.push_back({Gpa{(61 - i) * 0x4000}, buffers[i]});
  requests.push_back({Gpa{kRomStart - 64}, buffers[62]});
  requests.push_back({Gpa{kRomStart}, buffers[63]});
  memory->read(requests);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    ASSERT_FALSE(requests[i].error);
    Bytes expected(64);
    reference(requests[i].gpa, expected);
    EXPECT_EQ(buffers[i], expected);
  }
  EXPECT_EQ(monitor_.calls().size(), 3u);
}

TEST_F(Qmp, ARefusalCostsItsOwnPiecesOnly) {
  const auto memory = qmp();
  monitor_.on("pmemsave", [this, n = 0](const Json& arguments) mutable -> Result<Json> {
    if (n++ == 0) return fail(Errc::peer_error, "GenericError: Invalid addr");
    Bytes bytes(arguments.at("size").get<std::size_t>());
    reference(Gpa{arguments.at("val").get<std::uint64_t>()}, bytes);
    std::ofstream(arguments.at("filename").get<std::string>(), std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    return Json::object();
  });
  Bytes a(16), b(16);
  std::vector<ReadRequest> requests;
  requests.push_back({Gpa{0x1000}, a});
  requests.push_back({Gpa{0x200000}, b});
  memory->read(requests);
  ASSERT_TRUE(requests[0].error);
  EXPECT_EQ(requests[0].error->code, Errc::peer_error);
  EXPECT_FALSE(requests[1].error);
}

TEST_F(Qmp, AfterADeadlineTheFileIsNotUsedAgain) {
  const auto memory = qmp();
  monitor_.on("pmemsave",
              [](const Json&) -> Result<Json> { return fail(Errc::deadline, "no answer in 10 s"); });
  Bytes a(16), b(16);
  std::vector<ReadRequest> requests;
  requests.push_back({Gpa{0x1000}, a});
  requests.push_back({Gpa{0x200000}, b});
  memory->read(requests);
  for (const ReadRequest& request : requests) {
    ASSERT_TRUE(request.error);
    EXPECT_EQ(request.error->code, Errc::deadline);
  }
  EXPECT_EQ(monitor_.calls().size(), 1u);
}

TEST_F(Qmp, ALostMonitorIsGone) {
  const auto memory = qmp();
  monitor_.disconnect();
  Bytes into(16);
  const auto read = memory->read(Gpa{0x1000}, into);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Errc::gone);
}

TEST_F(Qmp, AFileOfTheWrongLengthIsAnError) {
  const auto memory = qmp();
  for (const std::size_t length : {0u, 15u, 17u}) {
    monitor_.on("pmemsave", [length](const Json& arguments) -> Result<Json> {
      std::ofstream(arguments.at("filename").get<std::string>(), std::ios::binary)
          << std::string(length, 'x');
      return Json::object();
    });
    Bytes into(16);
    const auto read = memory->read(Gpa{0x1000}, into);
    ASSERT_FALSE(read) << length;
    EXPECT_EQ(read.error().code, Errc::io);
  }
}

TEST_F(Qmp, TheFileIsPrivateUnlessTheDirectoryIsSharedWithoutBeingListed) {
  const auto memory = qmp();
  mode_t seen = 0;
  monitor_.on("pmemsave", [&seen](const Json& arguments) -> Result<Json> {
    struct stat status {};
    EXPECT_EQ(::stat(arguments.at("filename").get<std::string>().c_str(), &status), 0);
    seen = status.st_mode & 0777;
    return fail(Errc::peer_error, "GenericError: seen");
  });
  const std::vector<std::pair<mode_t, mode_t>> cases = {
      {0700, 0600}, {0711, 0622}, {0755, 0620}, {01777, 0620}};
  for (const auto& [directory, file] : cases) {
    ASSERT_EQ(::chmod(exchange_.path().c_str(), directory), 0);
    Bytes into(16);
    EXPECT_FALSE(memory->read(Gpa{0x1000}, into));
    EXPECT_EQ(seen, file) << std::oct << directory;
  }
}

TEST_F(Qmp, AMissingDirectoryIsAnErrorValue) {
  const auto memory = make_qmp_memory(map(), monitor_, "/nonexistent");
  Bytes into(16);
  const auto read = memory->read(Gpa{0x1000}, into);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Errc::io);
  EXPECT_TRUE(monitor_.calls().empty());
}

class Gdbstub : public BackendFixture {};

TEST_F(Gdbstub, AScatterReadIsOneBurst) {
  const auto memory = gdbstub();
  std::vector<Bytes> buffers(100, Bytes(64));
  std::vector<ReadRequest> requests;
  for (std::size_t i = 0; i < buffers.size(); ++i) requests.push_back({Gpa{i * 0x1000}, buffers[i]});
  memory->read(requests);
  EXPECT_EQ(bursts_, 1);
}

TEST_F(Gdbstub, AFailedBurstFailsAllAndAFailedRequestOnlyItself) {
  bool whole = true;
  const auto memory = make_gdbstub_memory(map(), [&whole](std::span<ReadRequest> requests) -> Result<void> {
    if (whole) return fail(Errc::closed, "the gdbstub closed the connection");
    requests[0].error = Error{Errc::peer_error, "E14"};
    return {};
  });
  Bytes a(16), b(16);
  std::vector<ReadRequest> requests;
  requests.push_back({Gpa{0x1000}, a});
  requests.push_back({Gpa{0x2000}, b});
  memory->read(requests);
  EXPECT_EQ(requests[0].error->code, Errc::closed);
  EXPECT_EQ(requests[1].error->code, Errc::closed);
  whole = false;
  memory->read(requests);
  EXPECT_EQ(requests[0].error->code, Errc::peer_error);
  EXPECT_FALSE(requests[1].error);
}

}  // namespace
}  // namespace ringside::guest::memory
