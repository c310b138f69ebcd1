// SPDX-License-Identifier: Apache-2.0
// What looking at a live guest costs, beside the paper's numbers and the bare system call.
#include "base/io/event_loop.h"
#include "guest/address_space.h"
#include "guest/descriptor_tables.h"
#include "guest/live/live_guest.h"
#include "policies/engine/evaluator.h"
#include "tests/lab/guest.h"

#include <fmt/format.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <thread>

namespace ringside {
namespace {

using guest::Gva;
using guest::Snapshot;
using guest::live::Backend;
using guest::live::LiveGuest;
using guest::live::MsrSource;
using Clock = std::chrono::steady_clock;

template <class T>
T expect(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

/// Median time of one call, in microseconds: batches long enough for the clock, for about `budget`.
double median_us(const std::function<void()>& call,
                 std::chrono::milliseconds budget = std::chrono::milliseconds(400)) {
  call();
  const auto once = Clock::now();
  call();
  const double first = std::chrono::duration<double, std::micro>(Clock::now() - once).count();
  const int batch = std::clamp(static_cast<int>(20.0 / std::max(first, 0.001)), 1, 10'000);
  std::vector<double> samples;
  const auto end = Clock::now() + budget;
  while (Clock::now() < end || samples.size() < 5) {
    const auto start = Clock::now();
    for (int i = 0; i < batch; ++i) call();
    samples.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count() / batch);
  }
  std::nth_element(samples.begin(), samples.begin() + static_cast<std::ptrdiff_t>(samples.size() / 2),
                   samples.end());
  return samples[samples.size() / 2];
}

void line(const std::string& what, double us, const std::string& beside = "") {
  fmt::print("{:<52} {:>10.3f} us   {}\n", what, us, beside);
  std::fflush(stdout);
}

std::unique_ptr<LiveGuest> attach(io::EventLoop& loop, const lab::Guest& guest, Backend backend) {
  guest::live::AttachOptions options;
  options.endpoint = expect(io::parse_endpoint(guest.monitor_socket()));
  options.backend = backend;
  options.state_directory = guest.folder().file("state");
  return expect(LiveGuest::attach(loop, options));
}

/// Reads of guest-virtual memory: first the bare way to the same bytes, then ours.
void reads(LiveGuest& live, const lab::Guest& guest, Backend backend) {
  auto snapshot = expect(live.snapshot(MsrSource::none));
  const auto& cpu = snapshot->cpus(guest::RegisterGroups::root).at(0);
  guest::AddressSpace space(*snapshot, guest::x86::PagingRoot::of(cpu));
  const Gva idt = cpu.idt.base;  // one page that is always mapped
  const guest::Gpa gpa = expect(space.translate(idt));
  const guest::memory::MemoryRange* range = live.memory().map().find(gpa);
  if (range == nullptr) throw std::runtime_error("the IDT is in no RAM");
  const auto hva = reinterpret_cast<void*>(range->hva.value + (gpa - range->start));
  std::array<std::byte, 4096> buffer{};
  const std::string name(live.memory().backend());

  for (const std::size_t size : {std::size_t{4}, std::size_t{4096}}) {
    const std::span<std::byte> into = std::span(buffer).first(size);
    double bare = 0;
    if (backend == Backend::process) {
      bare = median_us([&] {
        const iovec local{into.data(), size};
        const iovec remote{hva, size};
        if (process_vm_readv(guest.pid(), &local, 1, &remote, 1, 0) < 0)
          throw std::runtime_error("process_vm_readv");
      });
      line(fmt::format("{:>4} B bare process_vm_readv", size), bare);
    } else if (backend == Backend::mapped) {
      std::array<std::byte, 4096> source{};
      bare = median_us([&] {
        std::memcpy(into.data(), source.data(), size);
        asm volatile("" : : "r"(into.data()) : "memory");
      });
      line(fmt::format("{:>4} B bare memcpy", size), bare);
    }
    const double fresh = median_us([&] {
      const guest::Gpa at = expect(space.translate(idt));
      if (!live.memory().read(at, into)) throw std::runtime_error("read");
    });
    line(fmt::format("{:>4} B GVA, {}: bytes fresh, page known", size, name), fresh,
         bare > 0 ? fmt::format("{:.2f} x bare; paper 6.4 us", fresh / bare) : "paper 6.4 us");
    if (backend == Backend::mapped) {
      line(fmt::format("{:>4} B GVA, snapshot that holds the page", size),
           median_us([&] { expect(space.read(idt, into)); }), "aim 0.100 us for 4 B");
    }
  }
}

void tables(LiveGuest& live) {
  line("registers, all vCPUs", median_us([&] { (void)expect(live.read_cpus(MsrSource::none)); }),
       "paper 7.0 us");
  (void)expect(live.read_cpus(MsrSource::automatic));
  line("registers and MSRs, calibrated",
       median_us([&] { (void)expect(live.read_cpus(MsrSource::automatic)); }));
  line("registers and MSRs, device state (stops the guest)",
       median_us([&] { (void)expect(live.read_cpus(MsrSource::vmstate)); }));
  auto known = expect(live.snapshot(MsrSource::none));
  const auto cpus = known->cpus(guest::RegisterGroups::tables);
  const auto fresh = [&](const auto& read) {
    return median_us([&] {
      Snapshot snapshot(known->info(), cpus, live.memory());
      guest::AddressSpace space(snapshot, guest::x86::PagingRoot::of(cpus.at(0)));
      if (!read(space).unreadable.empty()) throw std::runtime_error("table unreadable");
    });
  };
  const std::string way = fmt::format("({}, page walk included)", live.memory().backend());
  line("GDT " + way, fresh([&](auto& space) { return guest::read_gdt(space, cpus.at(0)); }), "paper 7.8 us");
  line("IDT " + way, fresh([&](auto& space) { return guest::read_idt(space, cpus.at(0)); }), "paper 7.4 us");
}

void scans(LiveGuest& live) {
  const policies::PolicySet set = policies::shipped_policies();
  auto evaluator = expect(policies::Evaluator::create(set.policies));
  auto snapshot = expect(live.snapshot());
  const policies::Baseline baseline = expect(policies::take_baseline(*snapshot));
  expect(evaluator->set_baseline(&baseline));
  line("whole scan, everything evaluated", median_us([&] {
         auto fresh = expect(live.snapshot());
         (void)evaluator->evaluate(*fresh);
       }));
  line("whole scan as a tick, nothing changed", median_us([&] {
         auto fresh = expect(live.snapshot());
         (void)evaluator->tick(*fresh, live.memory());
       }));
}

/// utime + stime of a process in seconds (proc(5), fields 14 and 15 of stat).
double cpu_seconds(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string text((std::istreambuf_iterator<char>(file)), {});
  const auto comm_end = text.rfind(')');
  if (comm_end == std::string::npos) throw std::runtime_error("process ended");
  std::istringstream fields(text.substr(comm_end + 2));
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  unsigned long user = 0, system = 0;
  fields >> user >> system;
  return static_cast<double>(user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

void cpu_share(const lab::Guest& guest) {
  constexpr std::chrono::seconds kPeriod{30};
  const auto share = [&](pid_t pid, double before) {
    return (cpu_seconds(pid) - before) / kPeriod.count() * 100;
  };
  const double idle_before = cpu_seconds(guest.pid());
  std::this_thread::sleep_for(kPeriod);
  const double idle = share(guest.pid(), idle_before);

  const std::vector<std::string> environment = {"RINGSIDE_STATE_DIR=" + guest.folder().file("state")};
  const std::string program = RINGSIDE_PROGRAM, target = guest.monitor_socket();
  const lab::Finished saved = expect(lab::run_program({program, "baseline", "save", target}, environment));
  if (saved.status != 0) throw std::runtime_error("baseline save: " + saved.err);
  lab::Process scanning = expect(lab::Process::start({program, "scan", target, "--every", "1s"},
                                                     guest.folder().file("scan.log"), environment));
  std::this_thread::sleep_for(std::chrono::seconds(3));  // its start is not its period
  if (scanning.poll()) throw std::runtime_error("scan --every ended");
  const double qemu_before = cpu_seconds(guest.pid()), ringside_before = cpu_seconds(scanning.pid());
  std::this_thread::sleep_for(kPeriod);
  const double qemu = share(guest.pid(), qemu_before), ringside = share(scanning.pid(), ringside_before);
  scanning.signal(SIGTERM);
  fmt::print("CPU over {} s, one scan a second, % of a core:\n", kPeriod.count());
  fmt::print("  QEMU without ringside {:.2f}, with it {:.2f}; ringside {:.2f}   (aim 0.10; paper 0.35)\n",
             idle, qemu, ringside);
}

int run() {
  lab::Options options;
  options.ram = lab::Ram::memfd;
  options.smp = 2;
  auto booted = lab::Guest::boot(options);
  if (!booted) {
    fmt::print(stderr, "live_bench: {}\n", booted.error().message);
    return 1;
  }
  lab::Guest& guest = **booted;
  for (const Backend backend : {Backend::mapped, Backend::process, Backend::gdbstub, Backend::qmp}) {
    io::EventLoop loop;
    const auto live = attach(loop, guest, backend);
    reads(*live, guest, backend);
  }
  {
    io::EventLoop loop;
    const auto live = attach(loop, guest, Backend::automatic);
    tables(*live);
    scans(*live);
  }
  cpu_share(guest);
  return 0;
}

}  // namespace
}  // namespace ringside

int main() try { return ringside::run(); } catch (const std::exception& error) {
  fmt::print(stderr, "live_bench: {}\n", error.what());
  return 1;
}
