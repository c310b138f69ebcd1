// SPDX-License-Identifier: Apache-2.0
#include "gdbstub/packet_codec.h"

#include <gtest/gtest.h>

#include <vector>

namespace ringside::gdbstub {
namespace {

using Kind = Frame::Kind;

/// Feeds `pieces` one after the other and collects every frame.
Result<std::vector<Frame>> decode(const std::vector<std::string_view>& pieces,
                                  std::size_t max_payload = PacketDecoder::kMaxPayload) {
  PacketDecoder decoder(max_payload);
  std::vector<Frame> frames;
  for (std::string_view piece : pieces) {
    while (!piece.empty()) {
      RINGSIDE_TRY(auto frame, decoder.next(piece));
      if (frame) frames.push_back(*std::move(frame));
    }
  }
  return frames;
}

std::vector<Frame> decoded(std::string_view bytes) {
  auto frames = decode({bytes});
  EXPECT_TRUE(frames) << frames.error().message;
  return frames.value_or(std::vector<Frame>{});
}

/// `raw` framed as it stands, without escaping it.
std::string framed(const std::string& raw, char start = '$') {
  unsigned sum = 0;
  for (char c : raw) sum += static_cast<unsigned char>(c);
  static constexpr char kDigits[] = "0123456789abcdef";
  return start + raw + '#' + kDigits[sum >> 4 & 15] + kDigits[sum & 15];
}

TEST(PacketEncoder, FramesWithChecksum) {
  EXPECT_EQ(encode_packet(""), "$#00");
  EXPECT_EQ(encode_packet("OK"), "$OK#9a");
  EXPECT_EQ(encode_packet("qfThreadInfo"), "$qfThreadInfo#bb");
}

TEST(PacketEncoder, EscapesWhatTheProtocolReserves) {
  const std::string encoded = encode_packet("a#b$c}d*e");
  EXPECT_EQ(encoded.substr(0, encoded.size() - 3),
            "$a}\x03"
            "b}\x04"
            "c}]d}\x0a"
            "e");
  EXPECT_EQ(decoded(encoded), (std::vector<Frame>{{Kind::packet, "a#b$c}d*e"}}));
}

TEST(PacketDecoder, UndoesTheEncoderForEveryByte) {
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  EXPECT_EQ(decoded(encode_packet(all)), (std::vector<Frame>{{Kind::packet, all}}));
}

TEST(PacketDecoder, GivesTheSameFramesForEverySplit) {
  // What QEMU 7.2 says on connect and to the first two requests, a run length and an escape added.
  const std::string stream =
      "$T02thread:01;#04+$PacketSize=1000;qXfer:features:read+;vContSupported+;multiprocess+#92+" +
      framed("0* }\x03") + "-" + framed("Stop:T05", '%');
  const std::vector<Frame> expected = decoded(stream);
  ASSERT_EQ(expected.size(), 7U);
  EXPECT_EQ(expected[0], (Frame{Kind::packet, "T02thread:01;"}));
  EXPECT_EQ(expected[1], (Frame{Kind::ack, ""}));
  EXPECT_EQ(expected[4], (Frame{Kind::packet, "0000#"}));
  EXPECT_EQ(expected[5], (Frame{Kind::nak, ""}));
  EXPECT_EQ(expected[6], (Frame{Kind::notification, "Stop:T05"}));

  const std::string_view view = stream;
  for (std::size_t first = 0; first <= view.size(); ++first) {
    for (std::size_t second = first; second <= view.size(); ++second) {
      const auto frames =
          decode({view.substr(0, first), view.substr(first, second - first), view.substr(second)});
      ASSERT_TRUE(frames);
      ASSERT_EQ(*frames, expected) << "split at " << first << " and " << second;
    }
  }
}

TEST(PacketDecoder, ReportsAWrongChecksumAsDamagedAndGoesOn) {
  EXPECT_EQ(decoded("$OK#9b$OK#9a"), (std::vector<Frame>{{Kind::damaged, ""}, {Kind::packet, "OK"}}));
  EXPECT_EQ(decoded("$OK#zz$OK#9A"), (std::vector<Frame>{{Kind::damaged, ""}, {Kind::packet, "OK"}}));
}

TEST(PacketDecoder, EverySingleFlippedBitOfAPacketIsNoticed) {
  const std::string good = framed("53ff00f0");
  for (std::size_t at = 1; at + 3 < good.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ (1 << bit));
      for (const auto& frame : decoded(bad)) EXPECT_NE(frame.kind, Kind::packet) << at << " bit " << bit;
    }
  }
}

TEST(PacketDecoder, DropsADamagedNotification) {
  EXPECT_EQ(decoded("%Stop#00+"), (std::vector<Frame>{{Kind::ack, ""}}));
}

TEST(PacketDecoder, StartsAnewAtADollarInsideAPacket) {
  EXPECT_EQ(decoded("$lost$OK#9a"), (std::vector<Frame>{{Kind::packet, "OK"}}));
  EXPECT_EQ(decoded("%lost$OK#9a"), (std::vector<Frame>{{Kind::packet, "OK"}}));
}

TEST(PacketDecoder, SkipsBytesBetweenPackets) {
  EXPECT_EQ(decoded("\r\nxx+\x03$OK#9a\0"), (std::vector<Frame>{{Kind::ack, ""}, {Kind::packet, "OK"}}));
}

TEST(PacketDecoder, UndoesRunLengths) {
  EXPECT_EQ(decoded(framed("0* ")).at(0).payload, "0000");  // GDB manual's own example
  EXPECT_EQ(decoded(framed("x0*~")).at(0).payload, "x" + std::string(98, '0'));
  EXPECT_EQ(decoded(framed("0* * ")).at(0).payload, std::string(7, '0'));
  EXPECT_EQ(decoded(framed("}\x03* ")).at(0).payload, "####");
}

TEST(PacketDecoder, RefusesRunLengthsAndEscapesThatMeanNothing) {
  for (const std::string raw : {"* ", "a*", "a*\x1f", "a*\x7f", "a*\x80", "a}"}) {
    const auto frames = decode({framed(raw)});
    ASSERT_FALSE(frames) << raw;
    EXPECT_EQ(frames.error().code, Errc::malformed) << raw;
  }
}

TEST(PacketDecoder, BoundsAPacketBeforeAndAfterRunLengthsAreUndone) {
  EXPECT_EQ(decode({framed(std::string(16, 'a'))}, 16)->at(0).payload.size(), 16U);
  // The end never comes: the bound must hold without it.
  const auto endless = decode({"$" + std::string(17, 'a')}, 16);
  ASSERT_FALSE(endless);
  EXPECT_EQ(endless.error().code, Errc::oversized);

  EXPECT_EQ(decode({framed("a*(")}, 12)->at(0).payload.size(), 12U);
  const auto grown = decode({framed("a*(")}, 11);
  ASSERT_FALSE(grown);
  EXPECT_EQ(grown.error().code, Errc::oversized);
}

}  // namespace
}  // namespace ringside::gdbstub
