// SPDX-License-Identifier: Apache-2.0
#include "gdbstub/requests.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace ringside::gdbstub {

namespace {

/// More vCPUs than QEMU's x86 machines take (pc_q35_machine: max_cpus is 4096 at most).
constexpr std::size_t kMaxThreads = 8192;
constexpr std::size_t kMinPacketSize = 0x100;
constexpr std::size_t kMaxPacketSize = 0x10000;

template <std::unsigned_integral T>
std::optional<T> parse_hex(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Cuts the text before `separator` off the front of `rest`; the whole of it if there is none.
std::string_view take_field(std::string_view& rest, char separator) {
  const auto at = rest.find(separator);
  const auto field = rest.substr(0, at);
  rest = at == std::string_view::npos ? std::string_view{} : rest.substr(at + 1);
  return field;
}

/// What the stub said, fit for one line of an error message.
std::string quoted(std::string_view reply) {
  std::string text;
  for (char c : reply.substr(0, 40)) text += c >= ' ' && c <= '~' ? c : '?';
  return fmt::format("'{}'{}", text, reply.size() > 40 ? "..." : "");
}

/// QEMU's stub answers with errno values in decimal (gdbstub.c: E14 is EFAULT, E22 is EINVAL).
std::string_view meaning(std::string_view code) {
  if (code == "14") return " (that memory cannot be reached)";
  if (code == "22") return " (it does not take these arguments)";
  return "";
}

}  // namespace

std::string to_string(const ThreadId& id) {
  return id.process ? fmt::format("p{:x}.{:x}", *id.process, id.thread) : fmt::format("{:x}", id.thread);
}

std::optional<ThreadId> parse_thread_id(std::string_view text) {
  ThreadId id;
  if (text.starts_with('p')) {
    text.remove_prefix(1);
    if (text.find('.') == std::string_view::npos) return std::nullopt;
    id.process = parse_hex<unsigned>(take_field(text, '.'));
    if (!id.process) return std::nullopt;
  }
  const auto thread = parse_hex<unsigned>(text);
  if (!thread) return std::nullopt;
  id.thread = *thread;
  return id;
}

std::string memory_read(std::uint64_t address, std::size_t length) {
  return fmt::format("m{:x},{:x}", address, length);
}

std::string memory_write(std::uint64_t address, ByteView bytes) {
  return fmt::format("M{:x},{:x}:{}", address, bytes.size(), to_hex(bytes));
}

std::string break_point(bool insert, BreakKind kind, std::uint64_t gva, unsigned length) {
  return fmt::format("{}{},{:x},{:x}", insert ? 'Z' : 'z', static_cast<int>(kind), gva, length);
}

std::string monitor_request(std::string_view line) {
  return "qRcmd," + to_hex(as_bytes(line));
}

Result<std::string_view> succeeded(std::string_view reply) {
  if (reply.empty()) return fail(Errc::unsupported, "this gdbstub does not know the request");
  // `E nn`, or `E.text`. Replies in hexadecimal have lower-case digits and an even length.
  if (reply.front() == 'E' && (reply.size() == 3 || reply.starts_with("E.")))
    return fail(Errc::peer_error,
                fmt::format("the gdbstub answers {}{}", quoted(reply), meaning(reply.substr(1))));
  return reply;
}

Result<void> expect_ok(std::string_view reply) {
  RINGSIDE_CHECK(succeeded(reply));
  if (reply != "OK")
    return fail(Errc::malformed, fmt::format("the gdbstub answers {} where OK is due", quoted(reply)));
  return {};
}

Result<Bytes> parse_bytes(std::string_view reply, std::size_t size) {
  RINGSIDE_CHECK(succeeded(reply));
  auto bytes = reply.size() == 2 * size ? from_hex(reply) : std::nullopt;
  if (!bytes || bytes->size() != size)
    return fail(Errc::malformed,
                fmt::format("the gdbstub answers {} where {} bytes are due", quoted(reply), size));
  return *std::move(bytes);
}

Features parse_features(std::string_view reply) {
  Features features;
  while (!reply.empty()) {
    auto item = take_field(reply, ';');
    if (item == "multiprocess+") features.multiprocess = true;
    if (item == "qXfer:features:read+") features.target_description = true;
    if (take_field(item, '=') == "PacketSize") {
      if (const auto size = parse_hex<std::size_t>(item))
        features.packet_size = std::clamp(*size, kMinPacketSize, kMaxPacketSize);
    }
  }
  return features;
}

Result<bool> parse_threads(std::string_view reply, std::vector<ThreadId>& threads) {
  RINGSIDE_CHECK(succeeded(reply));
  if (reply == "l") return false;
  auto rest = reply.substr(1);
  if (reply.front() != 'm' || rest.empty())
    return fail(Errc::malformed,
                fmt::format("the gdbstub answers {} where a list of threads is due", quoted(reply)));
  while (!rest.empty()) {
    const auto id = parse_thread_id(take_field(rest, ','));
    if (!id || threads.size() == kMaxThreads)
      return fail(Errc::malformed,
                  fmt::format("the gdbstub lists threads that make no sense: {}", quoted(reply)));
    threads.push_back(*id);
  }
  return true;
}

Result<Stop> parse_stop(std::string_view reply) {
  RINGSIDE_CHECK(succeeded(reply));
  const auto malformed = [reply] {
    return fail(Errc::malformed,
                fmt::format("the gdbstub answers {} where a stop reply is due", quoted(reply)));
  };
  if (reply.starts_with('W') || reply.starts_with('X')) return fail(Errc::gone, "QEMU has ended");
  if ((!reply.starts_with('T') && !reply.starts_with('S')) || reply.size() < 3) return malformed();
  const auto signal = parse_hex<unsigned>(reply.substr(1, 2));
  if (!signal) return malformed();

  Stop stop;
  stop.reply.signal = static_cast<int>(*signal);
  stop.reply.text = std::string(reply);
  auto rest = reply.substr(3);
  while (!rest.empty()) {
    auto value = take_field(rest, ';');
    const auto key = take_field(value, ':');
    if (key == "thread") {
      stop.thread = parse_thread_id(value);
      if (!stop.thread) return malformed();
    } else if (key == "watch" || key == "rwatch" || key == "awatch") {
      stop.reply.watch_address = parse_hex<std::uint64_t>(value);
      if (!stop.reply.watch_address) return malformed();
    }
  }
  return stop;
}

}  // namespace ringside::gdbstub
