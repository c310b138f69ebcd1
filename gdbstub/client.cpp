// SPDX-License-Identifier: Apache-2.0
#include "gdbstub/client.h"

#include "base/io/deadline.h"

#include <boost/asio/buffer.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace ringside::gdbstub {

namespace {

/// QEMU refuses more with E22 (gdbstub.c, handle_read_mem: MAX_PACKET_LENGTH / 2).
constexpr std::size_t kMaxRead = 0x800;
/// An `M` packet carries two digits a byte and a header, and all of it must fit into the stub's line buffer.
constexpr std::size_t kWriteHeader = 32;
constexpr std::size_t kMaxFeature = 1024 * 1024;

constexpr std::string_view kGone = "the connection to the gdbstub has ended";

}  // namespace

tl::unexpected<Error> Client::end(Error error) {
  machine_.abandon();
  stream_->close();
  return fail(std::move(error));
}

asio::awaitable<Result<void>> Client::pump(Until until) {
  for (;;) {
    if (until == Until::acknowledged ? machine_.acknowledged() : !machine_.busy()) co_return Result<void>{};
    // The acknowledgement of a request's last packet travels with the next request, which saves QEMU a
    // wake-up.
    if (const std::string unsent = machine_.take_unsent(); !unsent.empty())
      RINGSIDE_CO_CHECK(co_await stream_->write_all(asio::buffer(unsent)));
    RINGSIDE_CO_TRY(const std::size_t count, co_await stream_->read_some(asio::buffer(received_)));
    RINGSIDE_CO_CHECK(machine_.receive(std::string_view(received_.data(), count)));
  }
}

asio::awaitable<Result<void>> Client::pump_in_time(Until until) {
  auto pumping = pump(until);
  auto bounded = io::with_deadline(std::move(pumping), deadline_, "waiting for the gdbstub");
  auto outcome = co_await std::move(bounded);
  if (!outcome) co_return end(std::move(outcome).error());
  co_return outcome;
}

asio::awaitable<Result<Reply>> Client::exchange(std::string_view request, Answer answer) {
  RINGSIDE_CO_CHECK(machine_.request(request, answer));
  RINGSIDE_CO_CHECK(co_await pump_in_time(Until::answered));
  auto reply = machine_.take_reply();
  if (!reply) co_return end({Errc::closed, std::string(kGone)});
  co_return *std::move(reply);
}

asio::awaitable<Result<void>> Client::command(std::string_view request) {
  RINGSIDE_CO_TRY(const Reply reply, co_await exchange(request));
  auto outcome = expect_ok(reply.payload);
  if (!outcome && outcome.error().code == Errc::malformed) co_return end(std::move(outcome).error());
  co_return outcome;
}

asio::awaitable<Result<std::unique_ptr<Client>>> Client::connect(std::string socket_path,
                                                                 std::chrono::milliseconds deadline) {
  io::Endpoint endpoint;
  endpoint.kind = io::Endpoint::Kind::unix_socket;
  endpoint.path = std::move(socket_path);
  auto connecting = io::connect(endpoint, deadline);
  RINGSIDE_CO_TRY(auto stream, co_await std::move(connecting));
  std::unique_ptr<Client> client(new Client(std::move(stream), deadline));
  auto greeted = co_await client->greet();
  if (!greeted) {
    client->stream_->close();
    auto error = std::move(greeted).error().within("cannot attach to the gdbstub on " + endpoint.path);
    if (error.code == Errc::deadline)
      error.hint = "another debugger may hold it: QEMU's gdbstub serves one client at a time";
    co_return fail(std::move(error));
  }
  co_return std::move(client);
}

asio::awaitable<Result<void>> Client::greet() {
  // First a request that no stop reply answers: whatever stop reply stood in the stream before is then read.
  RINGSIDE_CO_TRY(const Reply supported,
                  co_await exchange("qSupported:multiprocess+;vContSupported+;xmlRegisters=i386"));
  features_ = parse_features(supported.payload);
  if (!features_.target_description)
    co_return fail(Errc::unsupported, "this gdbstub does not describe its registers");
  // `?` also makes QEMU drop break points that a client before left behind (gdbstub.c, handle_target_halt),
  // so it is asked here only.
  RINGSIDE_CO_TRY(const Reply halted, co_await exchange("?", Answer::stop));
  RINGSIDE_CO_CHECK(parse_stop(halted.payload));

  RINGSIDE_CO_TRY(const Reply vcont, co_await exchange("vCont?"));
  can_vcont_ = vcont.payload.starts_with("vCont") && vcont.payload.find(";c") != std::string::npos &&
               vcont.payload.find(";s") != std::string::npos;
  RINGSIDE_CO_TRY(const Reply extensions, co_await exchange("qqemu.Supported"));
  can_physical_ = extensions.payload.find("PhyMemMode") != std::string::npos;
  // The mode is one for the whole of QEMU and outlives a client that was killed.
  if (can_physical_) RINGSIDE_CO_CHECK(co_await set_physical_mode(false));
  RINGSIDE_CO_CHECK(co_await list_threads());
  machine_.take_unasked_stop();
  co_return Result<void>{};
}

asio::awaitable<Result<void>> Client::list_threads() {
  std::vector<ThreadId> threads;
  std::string_view request = "qfThreadInfo";
  for (;;) {
    RINGSIDE_CO_TRY(const Reply reply, co_await exchange(request));
    auto more = parse_threads(reply.payload, threads);
    if (!more) co_return end(std::move(more).error());
    if (!*more) break;
    request = "qsThreadInfo";
  }
  if (threads.empty()) co_return end({Errc::malformed, "the gdbstub lists no vCPU"});
  threads_ = std::move(threads);
  co_return Result<void>{};
}

asio::awaitable<Result<std::string>> Client::read_feature(std::string name) {
  std::string text;
  const std::size_t piece = features_.packet_size / 2;
  for (;;) {
    const std::string request = fmt::format("qXfer:features:read:{}:{:x},{:x}", name, text.size(), piece);
    RINGSIDE_CO_TRY(const Reply reply, co_await exchange(request));
    RINGSIDE_CO_CHECK(succeeded(reply.payload));
    const char kind = reply.payload.front();
    if ((kind != 'm' && kind != 'l') || (kind == 'm' && reply.payload.size() == 1))
      co_return end({Errc::malformed, fmt::format("the gdbstub does not give the file '{}' as asked", name)});
    if (reply.payload.size() > kMaxFeature - text.size())
      co_return end({Errc::oversized,
                     fmt::format("the gdbstub's file '{}' is longer than {} bytes", name, kMaxFeature)});
    text.append(reply.payload, 1);
    if (kind == 'l') co_return std::move(text);
  }
}

Result<ThreadId> Client::thread(unsigned vcpu) const {
  if (vcpu >= threads_.size())
    return fail(Errc::not_found,
                fmt::format("there is no vCPU {}: the gdbstub knows {}", vcpu, threads_.size()));
  return threads_[vcpu];
}

asio::awaitable<Result<void>> Client::select(char operation, unsigned vcpu) {
  if (operation == 'g' && selected_ == vcpu) co_return Result<void>{};
  RINGSIDE_CO_TRY(const ThreadId id, thread(vcpu));
  const std::string request = fmt::format("H{}{}", operation, to_string(id));
  RINGSIDE_CO_CHECK(co_await command(request));
  if (operation == 'g') selected_ = vcpu;
  co_return Result<void>{};
}

asio::awaitable<Result<void>> Client::set_physical_mode(bool on) {
  if (!can_physical_)
    co_return fail(Errc::unsupported, "this gdbstub cannot read guest-physical memory", "QEMU can since 4.1");
  const bool before = physical_mode_;
  // Once it is sent the mode may be on, whatever becomes of the connection.
  if (on && machine_.ready()) physical_mode_ = true;
  auto outcome = co_await command(on ? "Qqemu.PhyMemMode:1" : "Qqemu.PhyMemMode:0");
  if (outcome) physical_mode_ = on;
  if (!outcome && !ended()) physical_mode_ = before;
  co_return outcome;
}

asio::awaitable<Result<void>> Client::leave_physical_mode() {
  if (!physical_mode_) co_return Result<void>{};
  co_return co_await set_physical_mode(false);
}

Result<void> Client::undisturbed() {
  if (!machine_.take_unasked_stop()) return {};
  selected_.reset();  // a stop selects the vCPU that stopped (gdbstub.c, gdb_set_stop_cpu)
  return fail(Errc::mismatch, "someone else let the guest run while it was being read");
}

asio::awaitable<Result<std::map<std::string, Bytes>>> Client::registers(unsigned vcpu,
                                                                        const RegisterLayout& layout) {
  RINGSIDE_CO_CHECK(co_await select('g', vcpu));
  RINGSIDE_CO_TRY(const Reply reply, co_await exchange("g"));
  // A description may have registers that `g` leaves out, at its end (gdbstub.c, handle_read_all_regs: those
  // that a co-processor registered without a place in the packet); they are not given.
  const std::size_t size = std::min(reply.payload.size() / 2, layout.size());
  auto bytes = parse_bytes(reply.payload, size);
  if (!bytes) {
    if (bytes.error().code == Errc::malformed) co_return end(std::move(bytes).error());
    co_return fail(std::move(bytes).error());
  }
  RINGSIDE_CO_CHECK(undisturbed());
  std::map<std::string, Bytes> values;
  std::size_t end_of_last = 0;
  for (const auto& reg : layout.registers()) {
    if (reg.offset + reg.size > size) break;
    const auto from = bytes->begin() + static_cast<std::ptrdiff_t>(reg.offset);
    values.emplace(reg.name, Bytes(from, from + static_cast<std::ptrdiff_t>(reg.size)));
    end_of_last = reg.offset + reg.size;
  }
  if (values.empty() || end_of_last != size)
    co_return end({Errc::malformed,
                   fmt::format("the gdbstub gives {} bytes of registers, which ends inside one", size)});
  co_return std::move(values);
}

asio::awaitable<Result<void>> Client::read_memory(std::optional<unsigned> vcpu, std::uint64_t address,
                                                  std::span<std::byte> into) {
  const bool physical = !vcpu;
  if (physical != physical_mode_) RINGSIDE_CO_CHECK(co_await set_physical_mode(physical));
  if (vcpu) RINGSIDE_CO_CHECK(co_await select('g', *vcpu));
  const std::size_t piece = std::min(kMaxRead, features_.packet_size / 2);
  while (!into.empty()) {
    const std::size_t length = std::min(piece, into.size());
    const std::string request = memory_read(address, length);
    RINGSIDE_CO_TRY(const Reply reply, co_await exchange(request));
    auto bytes = parse_bytes(reply.payload, length);
    if (!bytes) {
      if (bytes.error().code == Errc::malformed) co_return end(std::move(bytes).error());
      co_return fail(bytes.error().within(fmt::format(
          "cannot read {} memory at {}", physical ? "physical" : "virtual", hex_address(address))));
    }
    std::copy(bytes->begin(), bytes->end(), into.begin());
    into = into.subspan(length);
    address += length;
  }
  co_return undisturbed();
}

asio::awaitable<Result<void>> Client::write_physical(std::uint64_t gpa, ByteView from) {
  if (!physical_mode_) RINGSIDE_CO_CHECK(co_await set_physical_mode(true));
  const std::size_t piece = std::min(kMaxRead, (features_.packet_size - kWriteHeader) / 2);
  while (!from.empty()) {
    const std::size_t length = std::min(piece, from.size());
    const std::string request = memory_write(gpa, from.first(length));
    auto outcome = co_await command(request);
    if (!outcome)
      co_return fail(outcome.error().within("cannot write physical memory at " + hex_address(gpa)));
    from = from.subspan(length);
    gpa += length;
  }
  co_return Result<void>{};
}

asio::awaitable<Result<void>> Client::set_break_point(bool insert, BreakKind kind, std::uint64_t gva,
                                                      unsigned length) {
  const std::string request = break_point(insert, kind, gva, length);
  co_return co_await command(request);
}

asio::awaitable<Result<std::string>> Client::monitor_command(std::string line) {
  const std::string request = monitor_request(line);
  RINGSIDE_CO_TRY(Reply reply, co_await exchange(request));
  RINGSIDE_CO_CHECK(expect_ok(reply.payload));
  co_return std::move(reply.output);
}

asio::awaitable<Result<void>> Client::let_run(std::string_view request) {
  RINGSIDE_CO_CHECK(machine_.request(request, Answer::stop));
  selected_.reset();
  co_return co_await pump_in_time(Until::acknowledged);
}

asio::awaitable<Result<void>> Client::resume() {
  // Physical mode is left first: should ringside die while the guest runs, nothing stays behind.
  RINGSIDE_CO_CHECK(co_await leave_physical_mode());
  co_return co_await let_run(can_vcont_ ? "vCont;c" : "c");
}

Result<StopReply> Client::take_stop() {
  const auto reply = machine_.take_reply();
  if (!reply) return fail(Errc::invalid_argument, "the guest is not running under the gdbstub");
  auto stop = parse_stop(reply->payload);
  if (!stop) {
    if (stop.error().code == Errc::malformed || stop.error().code == Errc::gone)
      return end(std::move(stop).error());
    return fail(std::move(stop).error());
  }
  if (stop->thread) {
    const auto known = std::find(threads_.begin(), threads_.end(), *stop->thread);
    if (known != threads_.end()) stop->reply.vcpu = static_cast<unsigned>(known - threads_.begin());
  }
  return std::move(stop->reply);
}

asio::awaitable<Result<StopReply>> Client::await_stop(std::chrono::milliseconds deadline) {
  if (ended()) co_return fail(Errc::closed, std::string(kGone));
  if (machine_.busy()) {
    auto pumping = pump(Until::answered);
    auto bounded = io::with_deadline(std::move(pumping), deadline, "waiting for the guest to stop");
    auto outcome = co_await std::move(bounded);
    if (!outcome) {
      if (outcome.error().code == Errc::deadline) co_return fail(std::move(outcome).error());
      co_return end(std::move(outcome).error());
    }
  }
  co_return take_stop();
}

asio::awaitable<Result<StopReply>> Client::interrupt() {
  // It may have stopped by itself in the meantime.
  if (machine_.busy()) {
    RINGSIDE_CO_CHECK(machine_.interrupt());
    RINGSIDE_CO_CHECK(co_await pump_in_time(Until::answered));
  }
  co_return take_stop();
}

asio::awaitable<Result<StopReply>> Client::step(unsigned vcpu) {
  RINGSIDE_CO_TRY(const ThreadId id, thread(vcpu));
  RINGSIDE_CO_CHECK(co_await leave_physical_mode());
  if (!can_vcont_) RINGSIDE_CO_CHECK(co_await select('c', vcpu));
  const std::string request = can_vcont_ ? "vCont;s:" + to_string(id) : "s";
  RINGSIDE_CO_CHECK(co_await let_run(request));
  auto stop = co_await await_stop(deadline_);
  if (stop || stop.error().code != Errc::deadline || ended()) co_return stop;
  // A halted vCPU executes nothing until an interrupt comes, and a step lets none in.
  RINGSIDE_CO_CHECK(co_await interrupt());
  co_return fail(Errc::deadline,
                 fmt::format("vCPU {} did not execute an instruction within {} ms", vcpu, deadline_.count()),
                 "it is probably halted");
}

asio::awaitable<Result<void>> Client::detach() {
  if (!features_.multiprocess) co_return co_await command("D");
  // With the multiprocess extension `D` names a process (QEMU: a CPU cluster); the last one resumes the
  // guest.
  std::set<unsigned> processes;
  for (const auto& id : threads_) processes.insert(id.process.value_or(1));
  for (const unsigned process : processes) {
    const std::string request = fmt::format("D;{:x}", process);
    RINGSIDE_CO_CHECK(co_await command(request));
  }
  co_return Result<void>{};
}

asio::awaitable<Result<void>> Client::close() {
  machine_.abandon();
  stream_->close();
  co_return Result<void>{};
}

}  // namespace ringside::gdbstub
