// SPDX-License-Identifier: Apache-2.0
#include "gdbstub/requests.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace ringside::gdbstub {
namespace {

template <class T>
Errc code(const Result<T>& outcome) {
  EXPECT_FALSE(outcome);
  return outcome ? Errc::io : outcome.error().code;
}

TEST(GdbRequests, AreWordedAsTheProtocolHasThem) {
  EXPECT_EQ(memory_read(0xffffffff81000000, 0x800), "mffffffff81000000,800");
  EXPECT_EQ(memory_write(0x1000, *from_hex("0fAb")), "M1000,2:0fab");
  EXPECT_EQ(break_point(true, BreakKind::hardware, 0x1234, 1), "Z1,1234,1");
  EXPECT_EQ(break_point(false, BreakKind::write_watch, 0x1234, 8), "z2,1234,8");
  EXPECT_EQ(monitor_request("info status"), "qRcmd,696e666f20737461747573");
}

TEST(GdbReplies, SayWhetherTheRequestSucceeded) {
  EXPECT_EQ(*succeeded("53ff"), "53ff");
  EXPECT_EQ(code(succeeded("")), Errc::unsupported);
  EXPECT_EQ(code(succeeded("E14")), Errc::peer_error);
  EXPECT_NE(succeeded("E14").error().message.find("E14"), std::string::npos);
  EXPECT_EQ(code(succeeded("E.text")), Errc::peer_error);
  EXPECT_TRUE(expect_ok("OK"));
  EXPECT_EQ(code(expect_ok("E22")), Errc::peer_error);
  EXPECT_EQ(code(expect_ok("OKOK")), Errc::malformed);
}

TEST(GdbReplies, GiveExactlyTheBytesThatWereAskedFor) {
  EXPECT_EQ(to_hex(*parse_bytes("53ff00f0", 4)), "53ff00f0");
  EXPECT_EQ(code(parse_bytes("53ff00f0", 3)), Errc::malformed);
  EXPECT_EQ(code(parse_bytes("53ff00f0", 5)), Errc::malformed);
  EXPECT_EQ(code(parse_bytes("53ff00fg", 4)), Errc::malformed);
  EXPECT_EQ(code(parse_bytes("53 ff 0f", 4)), Errc::malformed);
  EXPECT_EQ(code(parse_bytes("xxxxxxxx", 4)), Errc::malformed);
  EXPECT_EQ(code(parse_bytes("E14", 1)), Errc::peer_error);
}

TEST(GdbReplies, QuoteOnlyPrintableCharactersInErrors) {
  const auto outcome = expect_ok("\x1b[31mred\n" + std::string(1000, 'a'));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().message.find_first_of("\x1b\n"), std::string::npos);
  EXPECT_LT(outcome.error().message.size(), 120U);
}

TEST(GdbReplies, TellWhatTheStubCan) {
  const auto qemu = parse_features("PacketSize=1000;qXfer:features:read+;vContSupported+;multiprocess+");
  EXPECT_EQ(qemu.packet_size, 0x1000U);
  EXPECT_TRUE(qemu.multiprocess);
  EXPECT_TRUE(qemu.target_description);
  const auto nothing = parse_features("");
  EXPECT_FALSE(nothing.multiprocess);
  EXPECT_FALSE(nothing.target_description);
}

TEST(GdbReplies, ClampHostilePacketSizes) {
  EXPECT_EQ(parse_features("PacketSize=0").packet_size, 0x100U);
  EXPECT_EQ(parse_features("PacketSize=ffffffffffffffff").packet_size, 0x10000U);
  EXPECT_EQ(parse_features("PacketSize=fffffffffffffffff").packet_size, 0x1000U);
  EXPECT_EQ(parse_features("PacketSize=-1").packet_size, 0x1000U);
  EXPECT_EQ(parse_features("PacketSize").packet_size, 0x1000U);
}

TEST(GdbReplies, NameThreads) {
  EXPECT_EQ(parse_thread_id("p01.02"), (ThreadId{1, 2}));
  EXPECT_EQ(parse_thread_id("0a"), (ThreadId{std::nullopt, 10}));
  EXPECT_EQ(to_string(ThreadId{1, 10}), "p1.a");
  EXPECT_EQ(to_string(ThreadId{std::nullopt, 10}), "a");
  for (const char* bad : {"", "p", "p1", "p1.", "p.1", "p1.2.3", "-1", "1 ", "fffffffff", "p1.-1"})
    EXPECT_FALSE(parse_thread_id(bad)) << bad;
}

TEST(GdbReplies, ListThreads) {
  std::vector<ThreadId> threads;
  EXPECT_EQ(parse_threads("mp01.01,p01.02", threads), true);
  EXPECT_EQ(parse_threads("mp01.03", threads), true);
  EXPECT_EQ(parse_threads("l", threads), false);
  EXPECT_EQ(threads, (std::vector<ThreadId>{{1, 1}, {1, 2}, {1, 3}}));
  for (const char* bad : {"m", "m,", "mp1.x", "x1", "OK"})
    EXPECT_EQ(code(parse_threads(bad, threads)), Errc::malformed);
}

TEST(GdbReplies, ListABoundedNumberOfThreads) {
  std::vector<ThreadId> threads;
  std::string many = "m1";
  for (int i = 0; i < 10'000; ++i) many += ",1";
  EXPECT_EQ(code(parse_threads(many, threads)), Errc::malformed);
}

TEST(GdbReplies, SayWhyTheTargetStopped) {
  const auto plain = parse_stop("T05thread:p01.02;");
  ASSERT_TRUE(plain) << plain.error().message;
  EXPECT_EQ(plain->reply.signal, 5);
  EXPECT_EQ(plain->thread, (ThreadId{1, 2}));
  EXPECT_FALSE(plain->reply.watch_address);
  EXPECT_EQ(plain->reply.text, "T05thread:p01.02;");

  for (const char* kind : {"watch", "rwatch", "awatch"}) {
    const auto watch = parse_stop(fmt::format("T05thread:p01.01;{}:fffffe0000000100;", kind));
    ASSERT_TRUE(watch) << watch.error().message;
    EXPECT_EQ(watch->reply.watch_address, 0xfffffe0000000100U);
  }
  EXPECT_EQ(parse_stop("S02")->reply.signal, 2);
  EXPECT_FALSE(parse_stop("S02")->thread);
  EXPECT_TRUE(parse_stop("T05;;new:1;10:abcd;"));
}

TEST(GdbReplies, RefuseStopsThatMakeNoSense) {
  for (const char* bad :
       {"T", "T0", "Txx", "T05thread:x;", "T05watch:;", "T05watch:11111111111111111;", "OK", "53"})
    EXPECT_EQ(code(parse_stop(bad)), Errc::malformed) << bad;
  EXPECT_EQ(code(parse_stop("W00")), Errc::gone);
  EXPECT_EQ(code(parse_stop("E22")), Errc::peer_error);
}

}  // namespace
}  // namespace ringside::gdbstub
