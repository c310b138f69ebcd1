// SPDX-License-Identifier: Apache-2.0
#include "gdbstub/stub.h"

#include "base/io/event_loop_asio.h"
#include "gdbstub/client.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace ringside::gdbstub {

namespace {

struct BreakPoint {
  BreakKind kind;
  std::uint64_t gva;
  unsigned length;
  bool operator==(const BreakPoint&) const = default;
};

tl::unexpected<Error> not_allowed(std::string_view what) {
  return fail(Errc::permission, fmt::format("{} is not allowed on this gdbstub connection", what),
              "it was opened for reading only");
}

Result<void> check_range(std::uint64_t address, std::size_t length) {
  if (length > 0 && address > UINT64_MAX - (length - 1))
    return fail(Errc::invalid_argument, fmt::format("{} bytes at {} run over the end of the address space",
                                                    length, hex_address(address)));
  return {};
}

/// HMP commands that change nothing. Everything else can (QEMU hmp-commands.hx), so it needs allow_writes.
bool only_reads(std::string_view line) {
  const std::string_view word = line.substr(0, line.find_first_of(" \t"));
  return word == "info" || word == "help" || word == "gva2gpa" || word == "gpa2hva";
}

class LiveStub final : public Stub {
 public:
  LiveStub(io::EventLoop& loop, std::unique_ptr<Client> client, RegisterLayout layout, StubOptions options)
      : loop_(loop), client_(std::move(client)), layout_(std::move(layout)), options_(options) {}
  ~LiveStub() override { shut(false); }
  LiveStub(const LiveStub&) = delete;
  LiveStub& operator=(const LiveStub&) = delete;

  const RegisterLayout& layout() const override { return layout_; }

  Result<unsigned> vcpu_count() override {
    RINGSIDE_CHECK(run(client_->list_threads()));
    return static_cast<unsigned>(client_->threads().size());
  }

  Result<std::map<std::string, Bytes>> registers(unsigned vcpu) override {
    return run(client_->registers(vcpu, layout_));
  }

  Result<void> read_virtual(unsigned vcpu, std::uint64_t gva, std::span<std::byte> into) override {
    RINGSIDE_CHECK(check_range(gva, into.size()));
    return run(client_->read_memory(vcpu, gva, into));
  }

  Result<void> read_physical(std::uint64_t gpa, std::span<std::byte> into) override {
    RINGSIDE_CHECK(check_range(gpa, into.size()));
    return run(client_->read_memory(std::nullopt, gpa, into));
  }

  Result<void> write_physical(std::uint64_t gpa, ByteView from) override {
    if (!options_.allow_writes) return not_allowed("writing memory");
    RINGSIDE_CHECK(check_range(gpa, from.size()));
    return run(client_->write_physical(gpa, from));
  }

  Result<void> insert(BreakKind kind, std::uint64_t gva, unsigned length) override {
    // It changes how the guest runs, and a software break point changes its memory.
    if (!options_.allow_writes) return not_allowed("setting a break point");
    const BreakPoint point{kind, gva, length};
    if (is_set(point)) return {};
    // Noted before it is sent: a connection lost in between must not forget it.
    break_points_.push_back(point);
    auto outcome = run(client_->set_break_point(true, kind, gva, length));
    if (!outcome && !client_->ended()) std::erase(break_points_, point);
    return outcome;
  }

  Result<void> remove(BreakKind kind, std::uint64_t gva, unsigned length) override {
    if (!options_.allow_writes) return not_allowed("removing a break point");
    const BreakPoint point{kind, gva, length};
    if (!is_set(point))
      return fail(Errc::not_found, fmt::format("no such break point was set at {}", hex_address(gva)));
    RINGSIDE_CHECK(run(client_->set_break_point(false, kind, gva, length)));
    std::erase(break_points_, point);
    return {};
  }

  Result<void> resume() override { return run(client_->resume()); }
  Result<StopReply> step(unsigned vcpu) override { return run(client_->step(vcpu)); }
  Result<StopReply> wait_stop(std::chrono::milliseconds deadline) override {
    return run(client_->await_stop(deadline));
  }
  Result<StopReply> interrupt() override { return run(client_->interrupt()); }

  Result<std::string> monitor_command(std::string_view line) override {
    if (!options_.allow_writes && !only_reads(line))
      return not_allowed("a monitor command that can change the guest");
    return run(client_->monitor_command(std::string(line)));
  }

  Result<void> close() override { return shut(false); }
  Result<void> detach_and_resume() override { return shut(true); }

 private:
  template <class T>
  Result<T> run(asio::awaitable<Result<T>> work) {
    return io::run_blocking(loop_, std::move(work));
  }

  bool is_set(const BreakPoint& point) const {
    return std::find(break_points_.begin(), break_points_.end(), point) != break_points_.end();
  }

  /// Everything that must be undone before the connection ends; goes on past what fails, and gives the first
  /// error.
  Result<void> clean_up() {
    Result<void> first;
    const auto note = [&first](const auto& outcome) {
      if (!outcome && first) first = fail(outcome.error());
    };
    if (client_->running()) note(run(client_->interrupt()));
    for (const auto& point : std::vector(break_points_)) {
      const auto removed = run(client_->set_break_point(false, point.kind, point.gva, point.length));
      note(removed);
      if (removed) std::erase(break_points_, point);
    }
    note(run(client_->leave_physical_mode()));
    return first;
  }

  Result<void> shut(bool resume) {
    if (shut_) return {};
    shut_ = true;
    const bool was_lost = client_->ended();
    Result<void> outcome;
    if (!was_lost) outcome = clean_up();
    if (resume && client_->ended()) {
      outcome = fail(Errc::closed, "the connection to the gdbstub was lost, so it cannot resume the guest",
                     "resume the guest by QMP `cont`");
    } else if (resume) {
      auto detached = run(client_->detach());
      if (!detached)
        outcome = std::move(detached);
      else
        break_points_.clear();  // `D` drops them
    }
    const bool left = client_->physical_mode() || !break_points_.empty();
    run(client_->close());
    if (!left) return outcome;
    return fail(
        outcome ? Errc::closed : outcome.error().code,
        fmt::format("the connection to the gdbstub was lost: QEMU may still hold {} break points{}",
                    break_points_.size(), client_->physical_mode() ? " and the stub's physical mode" : ""),
        "the next connection to its gdbstub clears them");
  }

  io::EventLoop& loop_;
  std::unique_ptr<Client> client_;
  RegisterLayout layout_;
  StubOptions options_;
  std::vector<BreakPoint> break_points_;
  bool shut_ = false;
};

}  // namespace

Result<std::unique_ptr<Stub>> connect(io::EventLoop& loop, const std::string& socket_path,
                                      StubOptions options) {
  RINGSIDE_TRY(auto client, io::run_blocking(loop, Client::connect(socket_path, options.deadline)));
  RINGSIDE_TRY(const std::string target, io::run_blocking(loop, client->read_feature("target.xml")));
  auto layout = parse_target_description(
      target, [&](const std::string& file) { return io::run_blocking(loop, client->read_feature(file)); });
  if (!layout) {
    io::run_blocking(loop, client->close());
    return fail(std::move(layout).error());
  }
  return std::make_unique<LiveStub>(loop, std::move(client), *std::move(layout), options);
}

}  // namespace ringside::gdbstub
