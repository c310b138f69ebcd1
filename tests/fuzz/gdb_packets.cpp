// SPDX-License-Identifier: Apache-2.0
// Bytes from a stub, through the packet codec, the session machine and the parsers of replies. The first byte
// says how the rest is split and what is asked.

#include "gdbstub/requests.h"
#include "gdbstub/session_machine.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

using namespace ringside::gdbstub;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void parse_reply(const Reply& reply) {
  require(reply.payload.size() <= PacketDecoder::kMaxPayload);
  require(reply.output.size() <= SessionMachine::kMaxOutput);
  std::vector<ThreadId> threads;
  (void)expect_ok(reply.payload);
  (void)parse_threads(reply.payload, threads);
  (void)parse_features(reply.payload);
  if (const auto stop = parse_stop(reply.payload)) require(is_stop_reply(reply.payload));
  if (const auto bytes = ringside::gdbstub::parse_bytes(reply.payload, 4)) require(bytes->size() == 4);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t piece = 1U + (data[0] & 0x3fU);
  std::size_t requests = 0;
  std::string_view stream(reinterpret_cast<const char*>(data + 1), size - 1);

  // What the decoder gives does not depend on how the bytes are split.
  PacketDecoder whole, split;
  std::vector<Frame> expected, frames;
  std::string_view rest = stream;
  while (!rest.empty()) {
    auto frame = whole.next(rest);
    if (!frame) break;
    if (*frame) expected.push_back(**std::move(frame));
  }
  bool failed = false;
  for (std::size_t at = 0; at < stream.size() && !failed; at += piece) {
    std::string_view part = stream.substr(at, piece);
    while (!part.empty() && !failed) {
      auto frame = split.next(part);
      failed = !frame;
      if (frame && *frame) frames.push_back(**std::move(frame));
    }
  }
  require(frames == expected);

  SessionMachine machine;
  bool stop = false;
  while (!stream.empty() && !machine.failed()) {
    if (machine.ready()) {
      stop = (data[0] & 0x80) != 0 ? requests % 2 == 1 : (data[0] & 0x40) != 0;
      require(machine.request("m0,4", stop ? Answer::stop : Answer::reply).has_value());
      ++requests;
    }
    const auto part = stream.substr(0, piece);
    stream.remove_prefix(part.size());
    (void)machine.receive(part);
    (void)machine.take_unsent();
    (void)machine.take_unasked_stop();
    if (const auto reply = machine.take_reply()) {
      require(stop || !is_stop_reply(reply->payload));
      parse_reply(*reply);
    }
  }
  return 0;
}
