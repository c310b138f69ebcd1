// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/guest_registry.h"

#include "tests/unit/agent/sources/news_log.h"

#include <gmock/gmock.h>

namespace ringside::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kUuid = "11111111-2222-3333-4444-555555555555";
constexpr const char* kOther = "99999999-2222-3333-4444-555555555555";

GuestCandidate candidate(const std::string& source, const std::string& endpoint, const std::string& uuid = {},
                         const std::string& name = "n") {
  GuestCandidate made;
  made.id = source + ":" + (uuid.empty() ? endpoint : uuid);
  made.source = source;
  made.name = name;
  made.uuid = uuid;
  made.labels[source] = "yes";
  made.endpoint = *io::parse_endpoint(endpoint);
  return made;
}

class GuestRegistryTest : public ::testing::Test {
 protected:
  void appears(const GuestCandidate& which) { registry_.take({GuestNews::Kind::appeared, which, {}}); }
  void goes(const GuestCandidate& which) { registry_.take({GuestNews::Kind::gone, which, "why"}); }

  NewsLog news_;
  GuestRegistry registry_{news_.teller()};
  const GuestCandidate socket_ = candidate("socket", "/run/vm.qmp");
  const GuestCandidate libvirt_ = candidate("libvirt", std::string("libvirt:") + kUuid, kUuid, "web1");
  const GuestCandidate hook_ = candidate("hook", std::string("libvirt:") + kUuid, kUuid, "web1");
  const std::string libvirt_id_ = std::string("libvirt:") + kUuid, hook_id_ = std::string("hook:") + kUuid;
};

TEST_F(GuestRegistryTest, OneGuestOfSeveralSourcesIsToldOnce) {
  appears(hook_);
  appears(libvirt_);
  appears(candidate("socket", "/run/other.qmp"));
  EXPECT_THAT(news_.lines(), ElementsAre("+" + hook_id_, "+socket:/run/other.qmp"));
  EXPECT_EQ(registry_.guests().size(), 2u);
}

TEST_F(GuestRegistryTest, OneEndpointOfTwoSourcesIsOneGuest) {
  appears(socket_);
  appears(candidate("endpoint", "/run/vm.qmp", {}, "web"));
  EXPECT_THAT(news_.lines(), ElementsAre("+socket:/run/vm.qmp"));
  goes(socket_);
  EXPECT_THAT(news_.lines(), ElementsAre("+socket:/run/vm.qmp")) << "the endpoint is still named";
  goes(candidate("endpoint", "/run/vm.qmp"));
  EXPECT_THAT(news_.lines(), ElementsAre("+socket:/run/vm.qmp", "-socket:/run/vm.qmp"));
  EXPECT_THAT(registry_.guests(), IsEmpty());
}

TEST_F(GuestRegistryTest, GuestsWithOtherUuidsAreNeverOne) {
  appears(candidate("libvirt", "libvirt:web1", kUuid));
  appears(candidate("hook", "libvirt:web1", kOther));
  EXPECT_EQ(registry_.guests().size(), 2u);
}

TEST_F(GuestRegistryTest, LibvirtKnowsThatAGuestIsGoneEvenIfItsHookWasNotHeard) {
  appears(hook_);
  appears(libvirt_);
  goes(libvirt_);
  EXPECT_THAT(news_.lines(), ElementsAre("+" + hook_id_, "-" + hook_id_));
}

TEST_F(GuestRegistryTest, AGuestIsThereAsLongAsLibvirtSaysSo) {
  appears(hook_);
  appears(libvirt_);
  goes(hook_);
  EXPECT_THAT(news_.lines(), ElementsAre("+" + hook_id_));
  goes(libvirt_);
  EXPECT_THAT(news_.lines(), ElementsAre("+" + hook_id_, "-" + hook_id_));
}

TEST_F(GuestRegistryTest, ASessionThatLearnsAUuidShowsThatTwoGuestsAreOne) {
  appears(libvirt_);
  appears(socket_);
  EXPECT_THAT(news_.lines(), ElementsAre("+" + libvirt_id_, "+socket:/run/vm.qmp"));
  registry_.learn(socket_.id, kUuid, std::nullopt);
  EXPECT_THAT(news_.lines(), ElementsAre("+" + libvirt_id_, "+socket:/run/vm.qmp", "-socket:/run/vm.qmp"));
  EXPECT_THAT(news_.all()[2].why, HasSubstr("web1"));
  ASSERT_EQ(registry_.guests().size(), 1u);
  // The other way serves when the first one goes.
  goes(libvirt_);
  EXPECT_EQ(news_.lines().back(), "+socket:/run/vm.qmp");
  EXPECT_EQ(registry_.guests()[0].uuid, kUuid);
}

TEST_F(GuestRegistryTest, TwoQemusWithOneUuidAreBothTold) {
  const auto other = candidate("socket", "/run/incoming.qmp");
  appears(socket_);
  appears(other);
  registry_.learn(socket_.id, kUuid, 100);
  registry_.learn(other.id, kUuid, 200);
  EXPECT_THAT(news_.lines(), ElementsAre("+socket:/run/vm.qmp", "+socket:/run/incoming.qmp"));
  goes(socket_);
  EXPECT_EQ(news_.lines().back(), "-socket:/run/vm.qmp");
  EXPECT_EQ(registry_.guests().size(), 1u);
}

TEST_F(GuestRegistryTest, TwoMonitorsOfOneQemuAreOneGuest) {
  const auto other = candidate("socket", "/run/vm.second.qmp");
  appears(socket_);
  appears(other);
  registry_.learn(socket_.id, kUuid, 100);
  registry_.learn(other.id, kUuid, 100);
  EXPECT_EQ(news_.lines().back(), "-socket:/run/vm.second.qmp");
  EXPECT_EQ(registry_.guests().size(), 1u);
}

TEST_F(GuestRegistryTest, WhereProcessesAreNotKnownAGuestIsRatherWatchedTwiceThanNotAtAll) {
  const auto here = candidate("endpoint", "tcp:node1:4444"), there = candidate("endpoint", "tcp:node2:4444");
  appears(here);
  appears(there);
  registry_.learn(here.id, kUuid, std::nullopt);
  registry_.learn(there.id, kUuid, std::nullopt);
  EXPECT_EQ(registry_.guests().size(), 2u);
}

TEST_F(GuestRegistryTest, AProcessThatIsLearntLaterShowsThatTwoAreOne) {
  const auto other = candidate("socket", "/run/vm.second.qmp");
  appears(socket_);
  appears(other);
  registry_.learn(socket_.id, kUuid, 100);
  registry_.learn(other.id, kUuid, std::nullopt);
  EXPECT_EQ(registry_.guests().size(), 2u);
  registry_.learn(other.id, kUuid, 100);
  EXPECT_EQ(registry_.guests().size(), 1u);
}

TEST_F(GuestRegistryTest, ALearntUuidJoinsWhatComesLater) {
  appears(socket_);
  registry_.learn(socket_.id, kUuid, std::nullopt);
  appears(libvirt_);
  EXPECT_THAT(news_.lines(), ElementsAre("+socket:/run/vm.qmp"));
  goes(socket_);
  EXPECT_THAT(news_.lines(), ElementsAre("+socket:/run/vm.qmp", "-socket:/run/vm.qmp", "+" + libvirt_id_));
}

TEST_F(GuestRegistryTest, TheBestWayIsTakenWithTheBestNameAndAllLabels) {
  appears(hook_);
  registry_.learn(hook_.id, kUuid, std::nullopt);
  appears(libvirt_);
  auto own = socket_;
  own.uuid = kUuid;
  appears(own);
  goes(libvirt_);  // takes the hook's word with it
  const auto guests = registry_.guests();
  ASSERT_EQ(guests.size(), 1u);
  EXPECT_EQ(guests[0].id, "socket:/run/vm.qmp");
  EXPECT_EQ(guests[0].labels.at("socket"), "yes");
}

TEST_F(GuestRegistryTest, ANameFromLibvirtIsBetterThanAFileName) {
  appears(socket_);
  registry_.learn(socket_.id, kUuid, std::nullopt);
  appears(libvirt_);
  goes(socket_);
  appears(socket_);
  registry_.learn(socket_.id, kUuid, std::nullopt);
  EXPECT_EQ(registry_.guests()[0].name, "web1");
}

TEST_F(GuestRegistryTest, AnotherGuestAtTheSamePlaceEndsTheFirst) {
  auto first = socket_, second = socket_;
  first.uuid = kUuid;
  second.uuid = kOther;
  appears(first);
  appears(second);
  EXPECT_THAT(news_.lines(),
              ElementsAre("+socket:/run/vm.qmp", "-socket:/run/vm.qmp", "+socket:/run/vm.qmp"));
  EXPECT_EQ(registry_.guests()[0].uuid, kOther);
}

TEST_F(GuestRegistryTest, WhatASourceCannotDoIsPassedOn) {
  registry_.take({GuestNews::Kind::failed, libvirt_, "libvirt is away"});
  EXPECT_THAT(news_.lines(), ElementsAre("!" + libvirt_id_));
  EXPECT_THAT(registry_.guests(), IsEmpty());
}

TEST_F(GuestRegistryTest, WhatWasNeverTherePassesSilently) {
  goes(socket_);
  registry_.learn("socket:/nowhere", kUuid, std::nullopt);
  EXPECT_THAT(news_.lines(), IsEmpty());
}

}  // namespace
}  // namespace ringside::agent
