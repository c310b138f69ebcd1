// SPDX-License-Identifier: Apache-2.0
#include "gdbstub/stub.h"

#include "base/io/event_loop.h"
#include "tests/unit/gdbstub/fake_stub.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ringside::gdbstub {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::IsEmpty;

class StubTest : public testing::Test {
 protected:
  /// Long enough for a busy machine; only tests of silence wait for it.
  static constexpr auto kDeadline = 1'000ms;

  std::unique_ptr<Stub> attach(const FakeStub& fake, bool allow_writes = false) {
    auto stub = connect(loop_, fake.path(), {.deadline = kDeadline, .allow_writes = allow_writes});
    EXPECT_TRUE(stub) << stub.error().message;
    return stub ? *std::move(stub) : nullptr;
  }

  io::EventLoop loop_;
};

template <class T>
Errc code(const Result<T>& outcome) {
  EXPECT_FALSE(outcome);
  return outcome ? Errc::io : outcome.error().code;
}

/// A fault for one request, every time it comes.
FakeStub::Override on(std::string request, Fault fault) {
  return [request = std::move(request),
          fault = std::move(fault)](const std::string& seen) -> std::optional<Fault> {
    return seen.starts_with(request) ? std::optional(fault) : std::nullopt;
  };
}

Fault replies(std::string_view payload) {
  return {"+" + encode_packet(payload)};
}

TEST_F(StubTest, AttachesToAStubThatSendsAnUnaskedStopReply) {
  FakeStub fake;
  const auto stub = attach(fake);
  ASSERT_TRUE(stub);
  EXPECT_EQ(stub->layout().size(), 608U);
  EXPECT_EQ(stub->vcpu_count(), 2U);
}

TEST_F(StubTest, AttachesToAStubThatSendsNone) {
  FakeStub fake({}, "");  // QEMU since 8.1
  ASSERT_TRUE(attach(fake));
}

TEST_F(StubTest, ReadsRegistersOfEachVcpu) {
  FakeStub fake;
  const auto stub = attach(fake);
  ASSERT_TRUE(stub);
  const auto registers = stub->registers(1);
  ASSERT_TRUE(registers) << registers.error().message;
  EXPECT_EQ(registers->size(), 66U);
  EXPECT_EQ(to_hex(registers->at("rbx")), "08090a0b0c0d0e0f");
  EXPECT_EQ(to_hex(registers->at("cs")), "8c8d8e8f");
  EXPECT_THAT(fake.state().requests, Contains("Hgp1.2"));
  EXPECT_EQ(code(stub->registers(2)), Errc::not_found);
}

TEST_F(StubTest, GivesTheRegistersThatAShorterReplyHas) {
  // Co-processor registers stand in the description but not in `g`.
  FakeStub fake(on("g", replies(std::string(2 * 136, '1'))));
  const auto stub = attach(fake);
  ASSERT_TRUE(stub);
  const auto registers = stub->registers(0);
  ASSERT_TRUE(registers) << registers.error().message;
  EXPECT_EQ(registers->size(), 17U);
  EXPECT_TRUE(registers->contains("rip"));
  EXPECT_FALSE(registers->contains("eflags"));
}

TEST_F(StubTest, RefusesRegistersThatDoNotFitTheDescription) {
  const std::vector<std::string> wrong = {std::string(2 * 609, '1'), std::string(2 * 607, '1'),
                                          std::string(3, '1'), std::string(1216, 'x'), std::string("OK")};
  for (const auto& reply : wrong) {
    FakeStub fake(on("g", replies(reply)));
    const auto stub = attach(fake);
    ASSERT_TRUE(stub);
    EXPECT_EQ(code(stub->registers(0)), Errc::malformed);
    EXPECT_EQ(code(stub->registers(0)), Errc::closed) << "the state of the stream is unknown";
  }
}

TEST_F(StubTest, SplitsLongReads) {
  FakeStub fake;
  const auto stub = attach(fake);
  ASSERT_TRUE(stub);
  Bytes bytes(0x1801);
  ASSERT_TRUE(stub->read_physical(0x100, bytes));
  for (std::size_t i = 0; i < bytes.size(); ++i) ASSERT_EQ(bytes[i], FakeStub::byte_at(0x100 + i)) << i;
  const auto requests = fake.state().requests;
  for (const char* piece : {"m100,800", "m900,800", "m1100,800", "m1900,1"})
    EXPECT_THAT(requests, Contains(piece));
}

TEST_F(StubTest, SwitchesBetweenPhysicalAndVirtualMemory) {
  FakeStub fake;
  const auto stub = attach(fake);
  ASSERT_TRUE(stub);
  Bytes bytes(4);
  // Beyond the fake's memory, so the two modes answer differently.
  EXPECT_TRUE(stub->read_physical(0x100000, bytes));
  EXPECT_EQ(code(stub->read_virtual(0, 0x100000, bytes)), Errc::peer_error);
  EXPECT_TRUE(stub->read_physical(0x100000, bytes));
  EXPECT_TRUE(fake.state().physical_mode);
  ASSERT_TRUE(stub->close());
  EXPECT_FALSE(fake.state_after_disconnect().physical_mode);
}

TEST_F(StubTest, AnErrorReplyEndsNothing) {
  FakeStub fake;
  const auto stub = attach(fake);
  ASSERT_TRUE(stub);
  Bytes bytes(4);
  const auto outcome = stub->read_virtual(0, 0x100000, bytes);
  EXPECT_EQ(code(outcome), Errc::peer_error);
  EXPECT_THAT(outcome.error().message, testing::HasSubstr("E14"));
  EXPECT_THAT(outcome.error().message, testing::HasSubstr("0x0000000000100000"));
  EXPECT_TRUE(stub->read_virtual(0, 0, bytes));
}

TEST_F(StubTest, RefusesReadsThatWrapAround) {
  FakeStub fake;
  const auto stub = attach(fake);
  ASSERT_TRUE(stub);
  Bytes bytes(16);
  EXPECT_EQ(code(stub->read_physical(UINT64_MAX - 14, bytes)), Errc::invalid_argument);
  EXPECT_TRUE(stub->read_physical(UINT64_MAX - 15, bytes));
}

TEST_F(StubTest, SaysSoWhenTheStubHasNoPhysicalMode) {
  FakeStub fake(on("qqemu.Supported", replies("")));
  const auto stub = attach(fake);
  ASSERT_TRUE(stub);
  Bytes bytes(4);
  EXPECT_EQ(code(stub->read_physical(0, bytes)), Errc::unsupported);
  EXPECT_TRUE(stub->read_virtual(0, 0, bytes));
}

TEST_F(StubTest, ReadsNoVirtualMemoryForPhysicalWhenTheModeIsRefused) {
  FakeStub fake(on("Qqemu.PhyMemMode:1", replies("E22")));
  const auto stub = attach(fake);
  ASSERT_TRUE(stub);
  Bytes bytes(4);
  EXPECT_EQ(code(stub->read_physical(0, bytes)), Errc::peer_error);
  EXPECT_EQ(code(stub->read_physical(0, bytes)), Errc::peer_error);
  EXPECT_TRUE(stub->close());
}

TEST_F(StubTest, ClearsWhatAnEarlierClientLeft) {
  FakeStub fake;
  fake.change([](FakeStub::State& state) {
    state.physical_mode = true;
    state.break_points.insert("1,1000,1");
  });
  const auto stub = attach(fake);
  ASSERT_TRUE(stub);
  EXPECT_FALSE(fake.state().physical_mode);
  EXPECT_THAT(fake.state().break_points, IsEmpty());
}

TEST_F(StubTest, ReadsOnlyUnlessWritesAreAllowed) {
  FakeStub fake;
  const auto stub = attach(fake);
  ASSERT_TRUE(stub);
  const auto before = fake.state().requests.size();
  EXPECT_EQ(code(stub->write_physical(0, Bytes(4))), Errc::permission);
  EXPECT_EQ(code(stub->insert(BreakKind::hardware, 0x1000, 1)), Errc::permission);
  EXPECT_EQ(code(stub->remove(BreakKind::hardware, 0x1000, 1)), Errc::permission);
  for (const char* line : {"stop", "cont", "quit", "information", "xp 0x1000", "", " info status"})
    EXPECT_EQ(code(stub->monitor_command(line)), Errc::permission) << line;
  EXPECT_EQ(fake.state().requests.size(), before) << "nothing may reach the stub";
}

TEST_F(StubTest, WritesInPiecesThatFitAPacket) {
  FakeStub fake;
  const auto stub = attach(fake, true);
  ASSERT_TRUE(stub);
  Bytes bytes(5000);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 7);
  ASSERT_TRUE(stub->write_physical(0x2000, bytes));
  const auto state = fake.state();
  std::string written;
  for (const auto& [gpa, hex] : state.written) {
    EXPECT_EQ(gpa, 0x2000 + written.size() / 2);
    written += hex;
  }
  EXPECT_EQ(written, to_hex(bytes));
  // QEMU drops a packet of 0x1000 bytes or more without a word (gdbstub.c, gdb_read_byte).
  for (const auto& request : state.requests) EXPECT_LT(request.size(), 0x1000U);
}

TEST_F(StubTest, CollectsTheOutputOfAMonitorCommand) {
  FakeStub fake;
  const auto stub = attach(fake);
  ASSERT_TRUE(stub);
  EXPECT_EQ(stub->monitor_command("info status"), "ABC\r\n");
}

TEST_F(StubTest, StepsOneVcpu) {
  FakeStub fake;
  const auto stub = attach(fake);
  ASSERT_TRUE(stub);
  const auto stop = stub->step(1);
  ASSERT_TRUE(stop) << stop.error().message;
  EXPECT_EQ(stop->signal, 5);
  EXPECT_EQ(stop->vcpu, 1U);
}

TEST_F(StubTest, GivesBackAVcpuThatExecutesNothing) {
  // A step of a halted vCPU: acknowledged, then silence until the guest is interrupted.
  FakeStub* running = nullptr;
  FakeStub fake([](const std::string& request) {
    return request.starts_with("vCont;s") ? std::optional(Fault{"+", false}) : std::nullopt;
  });
  running = &fake;
  const auto stub = attach(fake);
  ASSERT_TRUE(stub);
  std::jthread interrupt_arrives([running] {
    while (!std::ranges::any_of(running->state().requests,
                                [](const auto& request) { return request.starts_with("vCont;s"); }))
      std::this_thread::yield();
    running->change([](FakeStub::State& state) { state.running = true; });
  });
  EXPECT_EQ(code(stub->step(0)), Errc::deadline);
  EXPECT_THAT(fake.state().requests, Contains("byte 03"));
  EXPECT_TRUE(stub->registers(0)) << "the connection stays in use";
}

TEST_F(StubTest, SendsNothingWhileTheGuestRuns) {
  FakeStub fake;
  const auto stub = attach(fake);
  ASSERT_TRUE(stub);
  Bytes bytes(4);
  ASSERT_TRUE(stub->read_physical(0, bytes));
  ASSERT_TRUE(stub->resume());
  EXPECT_FALSE(fake.state().physical_mode) << "left before the guest runs";
  EXPECT_EQ(code(stub->read_physical(0, bytes)), Errc::invalid_argument);
  EXPECT_EQ(code(stub->registers(0)), Errc::invalid_argument);
  EXPECT_EQ(code(stub->resume()), Errc::invalid_argument);
  EXPECT_EQ(code(stub->wait_stop(10ms)), Errc::deadline);
  EXPECT_EQ(code(stub->wait_stop(0ms)), Errc::deadline);
  EXPECT_TRUE(fake.state().running);
  const auto stop = stub->interrupt();
  ASSERT_TRUE(stop) << stop.error().message;
  EXPECT_EQ(stop->signal, 2);
  EXPECT_EQ(stop->vcpu, 0U);
  EXPECT_THAT(fake.state().requests, Contains("byte 03"));
  EXPECT_TRUE(stub->read_physical(0, bytes));
  EXPECT_EQ(code(stub->wait_stop(10ms)), Errc::invalid_argument);
  EXPECT_EQ(code(stub->interrupt()), Errc::invalid_argument);
}

TEST_F(StubTest, GivesTheWatchPointThatWasHit) {
  FakeStub fake(on("vCont;c", {"+" + encode_packet("T05thread:p01.02;watch:fffffe0000000100;"), false}));
  const auto stub = attach(fake, true);
  ASSERT_TRUE(stub);
  ASSERT_TRUE(stub->insert(BreakKind::write_watch, 0xfffffe0000000100, 8));
  ASSERT_TRUE(stub->resume());
  const auto stop = stub->wait_stop(kDeadline);
  ASSERT_TRUE(stop) << stop.error().message;
  EXPECT_EQ(stop->vcpu, 1U);
  EXPECT_EQ(stop->watch_address, 0xfffffe0000000100U);
}

TEST_F(StubTest, ClosingRemovesBreakPointsAndLeavesTheGuestStopped) {
  FakeStub fake;
  const auto stub = attach(fake, true);
  ASSERT_TRUE(stub);
  ASSERT_TRUE(stub->insert(BreakKind::hardware, 0x1000, 1));
  ASSERT_TRUE(stub->insert(BreakKind::hardware, 0x1000, 1)) << "it is there already";
  ASSERT_TRUE(stub->insert(BreakKind::software, 0x2000, 1));
  ASSERT_TRUE(stub->remove(BreakKind::software, 0x2000, 1));
  EXPECT_EQ(code(stub->remove(BreakKind::software, 0x2000, 1)), Errc::not_found);
  ASSERT_TRUE(stub->resume());
  EXPECT_TRUE(stub->close());
  const auto state = fake.state_after_disconnect();
  EXPECT_THAT(state.break_points, IsEmpty());
  EXPECT_FALSE(state.running);
  EXPECT_FALSE(state.detached);
  EXPECT_TRUE(stub->close()) << "idempotent";
  EXPECT_EQ(code(stub->registers(0)), Errc::closed);
  EXPECT_EQ(code(stub->resume()), Errc::closed);
}

TEST_F(StubTest, TheDestructorLeavesNothingBehind) {
  FakeStub fake;
  {
    const auto stub = attach(fake, true);
    ASSERT_TRUE(stub);
    Bytes bytes(4);
    ASSERT_TRUE(stub->insert(BreakKind::hardware, 0x1000, 1));
    ASSERT_TRUE(stub->read_physical(0, bytes));
  }
  const auto state = fake.state_after_disconnect();
  EXPECT_THAT(state.break_points, IsEmpty());
  EXPECT_FALSE(state.physical_mode);
  EXPECT_FALSE(state.detached);
}

TEST_F(StubTest, DetachingResumesTheGuest) {
  for (const bool was_running : {false, true}) {
    FakeStub fake;
    const auto stub = attach(fake);
    ASSERT_TRUE(stub);
    Bytes bytes(4);
    ASSERT_TRUE(stub->read_physical(0, bytes));
    if (was_running) {
      ASSERT_TRUE(stub->resume());
    }
    EXPECT_TRUE(stub->detach_and_resume());
    const auto state = fake.state_after_disconnect();
    EXPECT_TRUE(state.detached);
    EXPECT_FALSE(state.physical_mode);
    EXPECT_TRUE(stub->close());
  }
}

TEST_F(StubTest, SaysWhatMayBeLeftInQemuWhenTheConnectionIsLost) {
  FakeStub fake(on("g", {"+$00", true}));  // closes in the middle of a packet
  const auto stub = attach(fake, true);
  ASSERT_TRUE(stub);
  Bytes bytes(4);
  ASSERT_TRUE(stub->insert(BreakKind::hardware, 0x1000, 1));
  ASSERT_TRUE(stub->read_physical(0, bytes));
  EXPECT_EQ(code(stub->registers(0)), Errc::closed);
  const auto outcome = stub->detach_and_resume();
  EXPECT_EQ(code(outcome), Errc::closed);
  EXPECT_THAT(outcome.error().message, testing::HasSubstr("break point"));
  EXPECT_THAT(outcome.error().message, testing::HasSubstr("physical mode"));
}

TEST_F(StubTest, ALostConnectionCannotResumeTheGuestAndSaysSo) {
  FakeStub fake(on("g", {"", true}));
  const auto stub = attach(fake);
  ASSERT_TRUE(stub);
  EXPECT_EQ(code(stub->registers(0)), Errc::closed);
  EXPECT_EQ(code(stub->detach_and_resume()), Errc::closed);
}

TEST_F(StubTest, SilenceEndsTheConnectionAtItsDeadline) {
  FakeStub fake(on("g", {"+", false}));
  const auto stub = attach(fake);
  ASSERT_TRUE(stub);
  EXPECT_EQ(code(stub->registers(0)), Errc::deadline);
  EXPECT_EQ(code(stub->registers(0)), Errc::closed);
  Bytes bytes(4);
  EXPECT_EQ(code(stub->read_physical(0, bytes)), Errc::closed);
  EXPECT_EQ(code(stub->wait_stop(10ms)), Errc::closed);
  EXPECT_TRUE(stub->close()) << "nothing was left behind";
}

TEST_F(StubTest, ConnectingToASilentStubEndsAtItsDeadline) {
  FakeStub fake(on("qSupported", {"", false}), "");
  const auto stub = connect(loop_, fake.path(), {.deadline = 50ms});
  EXPECT_EQ(code(stub), Errc::deadline);
  EXPECT_FALSE(stub.error().hint.empty());
}

TEST_F(StubTest, ConnectingNamesASocketThatIsNotThere) {
  const auto stub = connect(loop_, "/nonexistent/stub", {.deadline = kDeadline});
  EXPECT_EQ(code(stub), Errc::refused);
  EXPECT_THAT(stub.error().message, testing::HasSubstr("/nonexistent/stub"));
}

TEST_F(StubTest, NoticesThatSomeoneElseLetTheGuestRun) {
  FakeStub fake([](const std::string& request) -> std::optional<Fault> {
    if (request != "m100,4") return std::nullopt;
    return Fault{"+" + encode_packet("T02thread:p01.02;") + encode_packet("01020304"), false};
  });
  const auto stub = attach(fake);
  ASSERT_TRUE(stub);
  Bytes bytes(4);
  EXPECT_EQ(code(stub->read_virtual(0, 0x100, bytes)), Errc::mismatch);
  EXPECT_TRUE(stub->read_virtual(0, 0x200, bytes));
}

TEST_F(StubTest, AFailureAtAnyRequestOfConnectingIsAnErrorOfConnecting) {
  for (const char* request :
       {"qSupported", "?", "vCont?", "qqemu.Supported", "Qqemu.PhyMemMode:0", "qfThreadInfo", "qsThreadInfo",
        "qXfer:features:read:target.xml", "qXfer:features:read:i386"}) {
    FakeStub closing(on(request, {"+$T0", true}));
    EXPECT_EQ(code(connect(loop_, closing.path(), {.deadline = kDeadline})), Errc::closed) << request;
    FakeStub lying(on(request, {"+" + encode_packet("Ozz"), false}));
    EXPECT_EQ(code(connect(loop_, lying.path(), {.deadline = kDeadline})), Errc::malformed) << request;
  }
}

TEST_F(StubTest, BoundsATargetDescriptionThatNeverEnds) {
  FakeStub fake(on("qXfer", replies("m" + std::string(2000, ' '))));
  EXPECT_EQ(code(connect(loop_, fake.path(), {.deadline = kDeadline})), Errc::oversized);
  FakeStub standing(on("qXfer", replies("m")));
  EXPECT_EQ(code(connect(loop_, standing.path(), {.deadline = kDeadline})), Errc::malformed);
}

TEST_F(StubTest, BoundsAListOfThreadsThatNeverEnds) {
  FakeStub fake(on("qsThreadInfo", replies("mp1.1,p1.2")));
  EXPECT_EQ(code(connect(loop_, fake.path(), {.deadline = kDeadline})), Errc::malformed);
}

}  // namespace
}  // namespace ringside::gdbstub
