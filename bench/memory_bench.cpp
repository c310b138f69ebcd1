// SPDX-License-Identifier: Apache-2.0
// What a read of guest memory costs in each way that needs no stop, next to the bare memcpy and system call.
#include "guest/address_space.h"
#include "guest/memory/backends.h"
#include "guest/read_set.h"
#include "guest/snapshot.h"

#include <benchmark/benchmark.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace {

using namespace ringside;
using namespace ringside::guest;
using memory::MemoryMap;
using memory::MemoryRange;
using memory::PhysicalMemory;

constexpr std::uint64_t kRam = 64u << 20;

/// 64 MiB of RAM in a memfd, and a child process that has it mapped: a QEMU as far as memory goes.
class Guest {
 public:
  static Guest& instance() {
    static Guest guest;
    return guest;
  }

  std::byte* ram() { return ram_; }
  pid_t child() const { return child_; }
  MemoryMap map() const {
    const Hva hva{reinterpret_cast<std::uint64_t>(ram_)};
    return MemoryMap::create(
               {{Gpa{0}, 0xa0000, MemoryRange::Kind::ram, "pc.ram", 0, hva},
                {Gpa{0x100000}, kRam - 0x100000, MemoryRange::Kind::ram, "pc.ram", 0x100000, hva + 0x100000}})
        .value();
  }
  std::unique_ptr<PhysicalMemory> mapped() const {
    return memory::open_mapped(map(), {{"pc.ram", "/proc/self/fd/" + std::to_string(file_), 0}}, nullptr,
                               child_)
        .value();
  }
  std::unique_ptr<PhysicalMemory> process() const { return memory::open_process(map(), child_).value(); }

 private:
  Guest() : file_(::memfd_create("bench-ram", MFD_CLOEXEC)) {
    if (file_ < 0 || ::ftruncate(file_, kRam) != 0) std::abort();
    ram_ = static_cast<std::byte*>(::mmap(nullptr, kRam, PROT_READ | PROT_WRITE, MAP_SHARED, file_, 0));
    for (std::uint64_t i = 0; i < kRam; i += 8) std::memcpy(ram_ + i, &i, 8);
    write_page_tables();
    child_ = ::fork();
    if (child_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      for (std::uint64_t i = 0; i < kRam; i += kPageSize) benchmark::DoNotOptimize(ram_[i]);  // map it
      for (;;) ::pause();
    }
  }
  ~Guest() {
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }

  /// 4-level tables at 1 MiB that map GVA 0xffffffff80000000 + x to GPA x, in pages of 4 KiB, for 2 MiB.
  void write_page_tables() {
    constexpr std::uint64_t kTables = 0x100000, kPresentWritable = 3;
    std::memset(ram_ + kTables, 0, 4 * kPageSize);
    const auto entry = [this](std::uint64_t table, std::uint64_t index, std::uint64_t value) {
      std::memcpy(ram_ + table + index * 8, &value, 8);
    };
    entry(kTables, 511, (kTables + kPageSize) | kPresentWritable);
    entry(kTables + kPageSize, 510, (kTables + 2 * kPageSize) | kPresentWritable);
    entry(kTables + 2 * kPageSize, 0, (kTables + 3 * kPageSize) | kPresentWritable);
    for (std::uint64_t i = 0; i < 512; ++i)
      entry(kTables + 3 * kPageSize, i, (0x200000 + i * kPageSize) | kPresentWritable);
  }

  int file_;
  std::byte* ram_ = nullptr;
  pid_t child_ = 0;
};

void bare_memcpy(benchmark::State& state) {
  const auto size = static_cast<std::size_t>(state.range(0));
  Bytes into(size);
  const std::byte* const from = Guest::instance().ram() + 0x200000;
  for (auto _ : state) {
    std::memcpy(into.data(), from, size);
    benchmark::DoNotOptimize(into.data());
    benchmark::ClobberMemory();
  }
}
BENCHMARK(bare_memcpy)->Arg(4)->Arg(4096);

void bare_process_vm_readv(benchmark::State& state) {
  Guest& guest = Guest::instance();
  Bytes into(static_cast<std::size_t>(state.range(0)));
  const iovec local{into.data(), into.size()}, remote{guest.ram() + 0x200000, into.size()};
  for (auto _ : state)
    if (::process_vm_readv(guest.child(), &local, 1, &remote, 1, 0) < 0)
      state.SkipWithError("process_vm_readv");
}
BENCHMARK(bare_process_vm_readv)->Arg(4)->Arg(4096);

void read_gpa(benchmark::State& state, std::unique_ptr<PhysicalMemory> (Guest::*open)() const) {
  const auto memory = (Guest::instance().*open)();
  Bytes into(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    if (!memory->read(Gpa{0x200000}, into)) state.SkipWithError("read");
    benchmark::ClobberMemory();
  }
}
BENCHMARK_CAPTURE(read_gpa, mapped, &Guest::mapped)->Arg(4)->Arg(4096);
BENCHMARK_CAPTURE(read_gpa, process, &Guest::process)->Arg(4)->Arg(4096);

/// Scattered pages, every second one, as what a set of policies looks at is.
std::vector<Gpa> scattered(std::int64_t pages) {
  std::vector<Gpa> gpas;
  for (std::int64_t i = 0; i < pages; ++i)
    gpas.push_back(Gpa{0x200000 + static_cast<std::uint64_t>(i) * 2 * kPageSize});
  return gpas;
}

void bare_process_vm_readv_pages(benchmark::State& state) {
  Guest& guest = Guest::instance();
  Bytes into(static_cast<std::size_t>(state.range(0)) * kPageSize);
  const iovec local{into.data(), into.size()};
  std::vector<iovec> remote;
  for (const Gpa gpa : scattered(state.range(0))) remote.push_back({guest.ram() + gpa.value, kPageSize});
  for (auto _ : state)
    if (::process_vm_readv(guest.child(), &local, 1, remote.data(), remote.size(), 0) < 0)
      state.SkipWithError("process_vm_readv");
}
BENCHMARK(bare_process_vm_readv_pages)->Arg(50)->Arg(300);

void read_set_unchanged(benchmark::State& state, std::unique_ptr<PhysicalMemory> (Guest::*open)() const) {
  const auto memory = (Guest::instance().*open)();
  Snapshot snapshot({}, {}, *memory);
  ReadSet set;
  snapshot.record_into(&set);
  for (const Gpa gpa : scattered(state.range(0)))
    if (!snapshot.page(gpa)) state.SkipWithError("read");
  for (auto _ : state)
    if (!set.unchanged_in(*memory)) state.SkipWithError("changed");
}
BENCHMARK_CAPTURE(read_set_unchanged, mapped, &Guest::mapped)->Arg(50)->Arg(300);
BENCHMARK_CAPTURE(read_set_unchanged, process, &Guest::process)->Arg(50)->Arg(300);

x86::PagingRoot root() {
  x86::PagingRoot root;
  root.mode = x86::PagingMode::four_level;
  root.table = Gpa{0x100000};
  return root;
}

/// By GVA, page and translation known: what every table row costs.
void read_gva_warm(benchmark::State& state) {
  const auto memory = Guest::instance().mapped();
  Snapshot snapshot({}, {}, *memory);
  AddressSpace space(snapshot, root());
  Bytes into(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    if (!space.read(Gva{0xffffffff80001000}, into)) state.SkipWithError("read");
    benchmark::ClobberMemory();
  }
}
BENCHMARK(read_gva_warm)->Arg(4)->Arg(4096);

/// By GVA on a fresh snapshot: page walk and all.
void read_gva_cold(benchmark::State& state, std::unique_ptr<PhysicalMemory> (Guest::*open)() const) {
  const auto memory = (Guest::instance().*open)();
  Bytes into(4);
  for (auto _ : state) {
    Snapshot snapshot({}, {}, *memory);
    AddressSpace space(snapshot, root());
    if (!space.read(Gva{0xffffffff80001000}, into)) state.SkipWithError("read");
  }
}
BENCHMARK_CAPTURE(read_gva_cold, mapped, &Guest::mapped);
BENCHMARK_CAPTURE(read_gva_cold, process, &Guest::process);

}  // namespace

BENCHMARK_MAIN();
