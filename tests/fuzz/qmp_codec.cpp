// SPDX-License-Identifier: Apache-2.0
// What a monitor sends: decoded at a split that the input chooses, run through the client's machine, and
// every reply read by every typed command.

#include "qmp/client_machine.h"
#include "qmp/commands.h"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

using namespace ringside;

void require(bool condition) {
  if (!condition) std::abort();
}

/// Number of messages, and the error's code at the end or -1.
std::pair<std::size_t, int> decode(ByteView bytes, std::size_t step) {
  qmp::Decoder decoder(1 << 16);
  std::size_t count = 0;
  while (!bytes.empty()) {
    const ByteView chunk = bytes.first(std::min(step, bytes.size()));
    bytes = bytes.subspan(chunk.size());
    decoder.feed(chunk);
    for (;;) {
      const auto message = decoder.next();
      if (!message) return {count, static_cast<int>(message.error().code)};
      if (!*message) break;
      ++count;
    }
  }
  return {count, -1};
}

void read_as_every_command(const qmp::Json& reply) {
  (void)qmp::query_status().parse(reply);
  (void)qmp::query_version().parse(reply);
  (void)qmp::query_commands().parse(reply);
  (void)qmp::query_cpus_fast().parse(reply);
  (void)qmp::query_memdev().parse(reply);
  (void)qmp::query_name().parse(reply);
  (void)qmp::query_uuid().parse(reply);
  (void)qmp::query_kvm().parse(reply);
  (void)qmp::add_fd("").parse(reply);
  (void)qmp::human_monitor_command("").parse(reply);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView bytes = std::as_bytes(std::span(data, size));
  const std::size_t step = size == 0 ? 1 : 1 + data[size - 1] % 64U;
  require(decode(bytes, size + 1) == decode(bytes, step));

  qmp::ClientMachine machine({1 << 16, 4, 0});
  std::size_t open_calls = 0;
  for (int call = 0; call < 3; ++call) open_calls += machine.submit("query-status", {}) ? 1U : 0U;
  ByteView rest = bytes;
  while (!rest.empty()) {
    const ByteView chunk = rest.first(std::min(step, rest.size()));
    rest = rest.subspan(chunk.size());
    machine.receive(chunk);
    while (machine.next_write()) continue;
    while (auto action = machine.next_action()) {
      if (auto* finished = std::get_if<qmp::ClientMachine::Finished>(&*action)) {
        --open_calls;
        if (finished->result) read_as_every_command(*finished->result);
      }
    }
  }
  machine.end({Errc::closed, "the end", {}});
  while (auto action = machine.next_action())
    if (std::holds_alternative<qmp::ClientMachine::Finished>(*action)) --open_calls;
  require(open_calls == 0);
  return 0;
}
