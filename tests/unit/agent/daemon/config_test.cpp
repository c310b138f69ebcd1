// SPDX-License-Identifier: Apache-2.0
#include "agent/config/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace ringside::agent {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST(Config, TakesAllThatItDocuments) {
  Config config;
  const auto errors = read_config("ringside.yaml", R"(
guests:
  sockets: ['/run/vm/*.qmp', /run/other.sock]
  endpoints: ['tcp:10.0.0.1:4444']
  tls: {ca: /etc/ca.pem}
  libvirt: ['qemu:///system']
  hook: /run/ringside/hook.sock
  exclude: ['test-*']
  labels:
    - {guests: [web*], set: {tier: prod, owner: shop}}
control: {socket: /run/c.sock, group: adm}
http: {listen: '127.0.0.1:9273'}
policies: {builtIn: [idt, 'linux-*'], paths: [/etc/p], exceptions: [/etc/e]}
watching: {workers: 3, memory: process, msrs: none, connectTimeout: 2s, longestRetry: 5m, blindAfter: 10s, unwatchedAfter: 20s, settle: 30s, learn: false}
pauses: {longest: 50ms, perMinute: 200ms}
actions:
  allow:
    - {guests: [web*], actions: [restore, pause]}
  breaker: {perGuest: 1, perHost: 2, within: 10m}
keep: {evidence: 512MiB, dumps: 2GiB, resolvedFindings: 100}
outputs:
  - {name: siem, kind: syslog, to: 'tls:siem:6514', atLeast: high, queue: 5, timeout: 3s}
  - {name: hook, kind: webhook, to: 'http://127.0.0.1/', headers: {X-Token: abc}}
)",
                                  config);
  ASSERT_THAT(errors, IsEmpty());
  EXPECT_THAT(config.guests.sockets, ElementsAre("/run/vm/*.qmp", "/run/other.sock"));
  EXPECT_EQ(config.guests.labels.at(0).labels.at("owner"), "shop");
  EXPECT_EQ(config.guests.tls.ca_file, "/etc/ca.pem");
  EXPECT_EQ(config.control.group, "adm");
  EXPECT_EQ(config.http.listen, "127.0.0.1:9273");
  EXPECT_THAT(config.policies.built_in, ElementsAre("idt", "linux-*"));
  EXPECT_EQ(config.watching.workers, 3u);
  EXPECT_EQ(config.watching.memory, guest::live::Backend::process);
  EXPECT_EQ(config.watching.msrs, guest::live::MsrSource::none);
  EXPECT_EQ(config.watching.longest_retry, std::chrono::minutes(5));
  EXPECT_EQ(config.watching.settle, std::chrono::seconds(30));
  EXPECT_FALSE(config.watching.learn);
  EXPECT_EQ(config.pauses.per_minute, milliseconds(200));
  EXPECT_THAT(config.actions.at(0).allow, ElementsAre("restore", "pause"));
  EXPECT_EQ(config.breaker.per_host, 2u);
  EXPECT_EQ(config.evidence_bytes, 512u << 20);
  EXPECT_EQ(config.dump_bytes, std::uint64_t{2} << 30);
  ASSERT_THAT(config.outputs, SizeIs(2));
  EXPECT_EQ(config.outputs[0].at_least, policies::Severity::high);
  EXPECT_EQ(config.outputs[1].headers.at("X-Token"), "abc");
}

TEST(Config, IsRightWhenItIsEmpty) {
  Config config;
  EXPECT_THAT(read_config("f", "", config), IsEmpty());
  EXPECT_THAT(read_config("f", "# nothing\n", config), IsEmpty());
  EXPECT_THAT(config.policies.built_in, ElementsAre("*"));
}

struct Wrong {
  const char *text, *message;
  unsigned line;
};
class ConfigIsWrong : public ::testing::TestWithParam<Wrong> {};

TEST_P(ConfigIsWrong, AndSaysWhere) {
  Config config;
  const auto errors = read_config("ringside.yaml", GetParam().text, config);
  ASSERT_FALSE(errors.empty());
  EXPECT_THAT(errors[0].message + ' ' + errors[0].hint, HasSubstr(GetParam().message));
  EXPECT_EQ(errors[0].line, GetParam().line);
}

INSTANTIATE_TEST_SUITE_P(
    Texts, ConfigIsWrong,
    ::testing::Values(
        Wrong{"guests:\n  socket: [/a]\n", "did you mean `sockets`?", 2},
        Wrong{"guests: {endpoints: [/a]}\n", "belongs under `sockets`", 1},
        Wrong{"watching:\n  workers: many\n", "whole number from 0 to 256", 2},
        Wrong{"watching:\n  memory: telepathy\n", "telepathy", 2},
        Wrong{"watching:\n  msrs: vmstat\n", "did you mean `vmstate`?", 2},
        Wrong{"pauses: {longest: 5}\n", "is no duration", 1},
        Wrong{"actions:\n  allow:\n    - {guests: [a], actions: [explode]}\n", "unknown action", 3},
        Wrong{"actions:\n  allow:\n    - {actions: [pause]}\n", "needs `guests`", 3},
        Wrong{"keep: {evidence: 5 GB}\n", "is no size", 1},
        Wrong{"outputs:\n  - {name: a, kind: pigeon, to: b}\n", "unknown kind of output", 2},
        Wrong{"outputs:\n  - {name: a, kind: json, to: b}\n  - {name: a, kind: json, to: c}\n", "already", 3},
        Wrong{"outputs: 5\n", "must be a list", 1},
        Wrong{"guests:\n  labels:\n    - {guests: [a]}\n", "needs `set`", 3},
        Wrong{"http: {certificate: /a}\n", "go together", 1}, Wrong{"- a\n", "mapping", 1},
        Wrong{"guests: [\n", "", 2}));

TEST(Config, LaterFilesOverrideAndAdd) {
  char pattern[] = "/tmp/ringside-config.XXXXXX";
  const std::filesystem::path folder = ::mkdtemp(pattern);
  std::filesystem::create_directory(folder / "conf.d");
  std::ofstream(folder / "ringside.yaml") << "guests: {sockets: [/a]}\nwatching: {workers: 1}\n";
  std::ofstream(folder / "conf.d/20.yaml") << "watching: {workers: 3}\n";
  std::ofstream(folder / "conf.d/10.yaml") << "guests: {sockets: [/b]}\nwatching: {workers: 2}\n";
  std::ofstream(folder / "conf.d/ignored.txt") << "nonsense\n";
  const auto loaded = load_config(folder / "ringside.yaml", true);
  EXPECT_THAT(loaded.errors, IsEmpty());
  EXPECT_THAT(loaded.config.guests.sockets, ElementsAre("/a", "/b"));
  EXPECT_EQ(loaded.config.watching.workers, 3u);
  EXPECT_THAT(loaded.files, SizeIs(3));
  EXPECT_THAT(load_config(folder / "missing.yaml", true).errors, SizeIs(1));
  std::filesystem::remove_all(folder);
}

TEST(Config, MatchesGuestsByPatternAndUuid) {
  EXPECT_TRUE(matches_guest({"web*"}, "web1", ""));
  EXPECT_FALSE(matches_guest({"web*"}, "db1", ""));
  EXPECT_TRUE(matches_guest({"u-1"}, "db1", "u-1"));
  EXPECT_FALSE(matches_guest({}, "db1", "u-1"));
}

}  // namespace
}  // namespace ringside::agent
