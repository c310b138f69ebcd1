// SPDX-License-Identifier: Apache-2.0
#include "qmp/commands.h"

#include <gmock/gmock.h>

namespace ringside::qmp {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(QmpCommands, ArgumentsAreSpelledAsQemuSpellsThem) {
  EXPECT_EQ(query_status().name, "query-status");
  EXPECT_EQ(stop().arguments, Json::object());
  EXPECT_EQ(pmemsave(4096, 8192, "/tmp/m").arguments,
            Json::parse(R"({"val":4096,"size":8192,"filename":"/tmp/m"})"));
  EXPECT_EQ(human_monitor_command("info mtree -f").arguments,
            Json::parse(R"({"command-line":"info mtree -f"})"));
  EXPECT_EQ(human_monitor_command("info registers", 3).arguments,
            Json::parse(R"({"command-line":"info registers","cpu-index":3})"));
  EXPECT_EQ(qom_get("/machine", "type").arguments, Json::parse(R"({"path":"/machine","property":"type"})"));
  EXPECT_EQ(add_fd("x").arguments, Json::parse(R"({"opaque":"x"})"));
  EXPECT_EQ(remove_fd(4).arguments, Json::parse(R"({"fdset-id":4})"));
  EXPECT_EQ(getfd("x").arguments, Json::parse(R"({"fdname":"x"})"));
  EXPECT_EQ(closefd("x").arguments, Json::parse(R"({"fdname":"x"})"));
}

TEST(QmpCommands, DeviceStateIsNeverSavedLive) {
  EXPECT_EQ(xen_save_devices_state("/dev/fdset/1").arguments,
            Json::parse(R"({"filename":"/dev/fdset/1","live":false})"));
}

TEST(QmpCommands, ReadsTheRepliesOfQemu) {
  const auto status =
      query_status().parse(Json::parse(R"({"status":"paused","singlestep":false,"running":false})"));
  EXPECT_EQ(status->status, "paused");
  EXPECT_FALSE(status->running);
  const auto version =
      query_version().parse(Json::parse(R"({"qemu":{"micro":22,"minor":2,"major":7},"package":"Debian"})"));
  EXPECT_EQ(version->major, 7);
  EXPECT_EQ(version->micro, 22);
  EXPECT_EQ(version->package, "Debian");
  EXPECT_THAT(query_commands().parse(Json::parse(R"([{"name":"stop"},{"name":"cont"}])")).value(),
              ElementsAre("stop", "cont"));
  const auto cpus = query_cpus_fast().parse(Json::parse(
      R"([{"thread-id":15788,"props":{"core-id":0},"qom-path":"/machine/unattached/device[0]","cpu-index":0,"target":"x86_64"}])"));
  ASSERT_EQ(cpus->size(), 1U);
  EXPECT_EQ(cpus->front().thread_id, 15788);
  const auto backends = query_memdev().parse(
      Json::parse(R"([{"share":true,"size":268435456,"dump":true},{"share":false,"id":"pc.ram","size":1}])"));
  ASSERT_EQ(backends->size(), 2U);
  EXPECT_EQ(backends->front().id, "");
  EXPECT_TRUE(backends->front().share);
  EXPECT_EQ(backends->back().id, "pc.ram");
  EXPECT_EQ(query_name().parse(Json::object()).value(), "");
  EXPECT_EQ(query_name().parse(Json::parse(R"({"name":"vm"})")).value(), "vm");
  EXPECT_EQ(query_uuid().parse(Json::parse(R"({"UUID":"0-1"})")).value(), "0-1");
  EXPECT_TRUE(query_kvm().parse(Json::parse(R"({"enabled":true,"present":true})"))->enabled);
  const auto set = add_fd("x").parse(Json::parse(R"({"fd":15,"fdset-id":2})"));
  EXPECT_EQ(set->fdset_id, 2);
  EXPECT_EQ(set->fd, 15);
  EXPECT_EQ(human_monitor_command("x").parse("text\r\n").value(), "text\r\n");
  EXPECT_TRUE(cont().parse(Json::object()));
}

TEST(QmpCommands, AReplyOfAnotherShapeIsMalformedAndNamed) {
  const auto status = query_status().parse(Json::parse(R"({"status":"paused"})"));
  EXPECT_EQ(status.error().code, Errc::malformed);
  EXPECT_EQ(status.error().message, "the reply to query-status has no boolean 'running'");
  for (const char* reply :
       {"null", "[]", "3", R"({"running":1,"status":"x"})", R"({"running":true,"status":3})"})
    EXPECT_FALSE(query_status().parse(Json::parse(reply))) << reply;
  for (const char* reply : {"{}", "[3]", R"([{"name":3}])", R"([{}])"})
    EXPECT_FALSE(query_commands().parse(Json::parse(reply))) << reply;
  for (const char* reply : {R"({"qemu":3})", R"({"qemu":{"major":-1,"minor":0,"micro":0}})", "{}"})
    EXPECT_FALSE(query_version().parse(Json::parse(reply))) << reply;
  EXPECT_FALSE(human_monitor_command("x").parse(Json::object()));
}

TEST(QmpCommands, NumbersThatDoNotFitAreMalformed) {
  const auto cpus =
      query_cpus_fast().parse(Json::parse(R"([{"thread-id":4294967296,"qom-path":"/x","cpu-index":0}])"));
  EXPECT_EQ(cpus.error().code, Errc::malformed);
  EXPECT_THAT(cpus.error().message, HasSubstr("'thread-id' of at most 2147483647"));
  EXPECT_FALSE(add_fd("x").parse(Json::parse(R"({"fd":15,"fdset-id":99999999999999999999})")));
}

}  // namespace
}  // namespace ringside::qmp
