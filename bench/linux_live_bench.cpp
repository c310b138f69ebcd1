// SPDX-License-Identifier: Apache-2.0
// What it costs to understand a live Linux guest: finding its kernel, and listing what runs in it.
#include "base/io/event_loop.h"
#include "guest/linux/golden/kernel_reference.h"
#include "guest/linux/golden/module_reference.h"
#include "guest/linux/kernel.h"
#include "guest/linux/modules.h"
#include "guest/linux/tasks.h"
#include "guest/linux/text/kernel_text.h"
#include "guest/live/golden_import.h"
#include "guest/live/kernel_store.h"
#include "guest/live/live_guest.h"
#include "policies/engine/database.h"
#include "policies/engine/evaluator.h"
#include "tests/lab/guest.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <functional>
#include <stdexcept>

namespace ringside {
namespace {

using guest::Snapshot;
using guest::linux::Kernel;
using guest::live::Backend;
using guest::live::LiveGuest;
using guest::live::MsrSource;
using Clock = std::chrono::steady_clock;

template <class T>
T expect(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

struct Times {
  double median = 0, least = 0, most = 0;  ///< ms
};

Times measure(int runs, const std::function<double()>& one) {
  std::vector<double> samples;
  for (int i = 0; i < runs; ++i) samples.push_back(one());
  std::sort(samples.begin(), samples.end());
  return {samples[samples.size() / 2], samples.front(), samples.back()};
}

double ms_of(const std::function<void()>& work) {
  const auto start = Clock::now();
  work();
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

void line(const std::string& what, const Times& times, const std::string& beside = "") {
  fmt::print("{:<56} {:>9.3f} ms  ({:.3f} to {:.3f})  {}\n", what, times.median, times.least, times.most,
             beside);
  std::fflush(stdout);
}

/// A guest and the ways to look at it.
class Looker {
 public:
  Looker(const lab::Guest& guest, Backend backend) {
    guest::live::AttachOptions options;
    options.endpoint = expect(io::parse_endpoint(guest.monitor_socket()));
    options.backend = backend;
    options.state_directory = guest.folder().file("state");
    live_ = expect(LiveGuest::attach(loop_, options));
    info_ = live_->info();
    cpus_ = expect(live_->read_cpus(MsrSource::none));
  }
  /// Registers are read anew: a running guest moves on.
  void refresh() { cpus_ = expect(live_->read_cpus(MsrSource::none)); }
  /// With the given cache, nothing read yet.
  std::unique_ptr<Snapshot> snapshot(std::shared_ptr<guest::linux::KernelCache> cache) {
    auto made = std::make_unique<Snapshot>(info_, cpus_, live_->memory());
    if (cache) made->keep(std::move(cache));
    return made;
  }
  LiveGuest& live() { return *live_; }

 private:
  io::EventLoop loop_;
  std::unique_ptr<LiveGuest> live_;
  guest::GuestInfo info_;
  std::vector<guest::x86::CpuState> cpus_;
};

void discovery(Looker& looker, const lab::Guest& guest) {
  auto first = looker.snapshot(nullptr);
  Kernel& kernel = *expect(Kernel::of(*first));
  fmt::print("{}: {} symbols\n", kernel.identity().release, kernel.symbols().size());
  const auto tables = kernel.symbols().tables_bytes().size();

  // Beside it: the bare reading of as many bytes as stand between the text's start and the tables' end.
  const guest::Gpa image = kernel.identity().image_gpa;
  Bytes buffer(kernel.identity().image.size());
  const Times bare = measure(15, [&] { return ms_of([&] { (void)first->peek(image, buffer); }); });
  line(fmt::format("bare read of the kernel image, {} MiB", buffer.size() >> 20), bare);
  const Times cold = measure(15, [&] {
    auto snapshot = looker.snapshot(std::make_shared<guest::linux::KernelCache>());
    return ms_of([&] { (void)expect(Kernel::of(*snapshot)); });
  });
  line("cold: a build never seen", cold,
       fmt::format("{:.1f} x bare; aim 300 ms; LibVMI 900 ms", cold.median / bare.median));
  const std::string store = guest.folder().file("bench-state");
  {
    auto snapshot = looker.snapshot(std::make_shared<guest::live::KernelStore>(store));
    (void)expect(Kernel::of(*snapshot));
  }
  const Times warm = measure(15, [&] {
    auto snapshot = looker.snapshot(std::make_shared<guest::live::KernelStore>(store));
    return ms_of([&] { (void)expect(Kernel::of(*snapshot)); });
  });
  line(fmt::format("warm: kept on disk, all {} KiB of kallsyms compared", tables >> 10), warm, "aim 10 ms");
  const auto cache = std::make_shared<guest::live::KernelStore>(store);
  {
    auto snapshot = looker.snapshot(cache);
    (void)expect((*Kernel::of(*snapshot))->types());
  }
  line("the next snapshot in the same process", measure(101, [&] {
         auto snapshot = looker.snapshot(cache);
         return ms_of([&] { (void)expect(Kernel::of(*snapshot)); });
       }));
  line("types (BTF), read and indexed", measure(15, [&] {
         auto snapshot = looker.snapshot(nullptr);
         Kernel& found = *expect(Kernel::of(*snapshot));
         return ms_of([&] { (void)expect(found.types()); });
       }));

  const auto& symbols = kernel.symbols();
  constexpr int kLookups = 100'000;
  std::string name;
  std::size_t sum = 0;
  const Times by_address = measure(5, [&] {
    return ms_of([&] {
      for (int i = 0; i < kLookups; ++i) {
        const auto address =
            symbols.address(static_cast<std::size_t>(i) * 7919 % symbols.size(), kernel.slide()) + 1;
        if (const auto at = symbols.at_or_before(address, kernel.slide())) symbols.name(*at, name);
        sum += name.size();
      }
    });
  });
  fmt::print("{:<56} {:>9.3f} us\n", "symbol and name by address", by_address.median * 1000 / kLookups);
  const Times by_name = measure(5, [&] {
    return ms_of([&] {
      for (int i = 0; i < kLookups; ++i) sum += kernel.find_symbol("init_task") ? 1 : 0;
    });
  });
  fmt::print("{:<56} {:>9.3f} us\n", "address by name", by_name.median * 1000 / kLookups);
  if (sum == 0) throw std::runtime_error("no symbol was found");
}

/// Rows of `sql` from an empty snapshot, the kernel known as in a running agent.
std::pair<Times, std::size_t> query(Looker& looker, const std::shared_ptr<guest::linux::KernelCache>& cache,
                                    const std::string& sql) {
  auto database = expect(policies::Database::create());
  std::size_t rows = 0;
  const Times times = measure(21, [&] {
    looker.refresh();
    auto snapshot = looker.snapshot(cache);
    (void)expect(Kernel::of(*snapshot));
    database->bind(snapshot.get());
    return ms_of([&] { rows = expect(database->query(sql)).rows.size(); });
  });
  return {times, rows};
}

void listings(Looker& looker, const lab::Guest& guest, const std::string& beside) {
  const auto cache = std::make_shared<guest::live::KernelStore>(guest.folder().file("bench-state"));
  {
    auto snapshot = looker.snapshot(cache);
    (void)expect((*Kernel::of(*snapshot))->types());
  }
  std::size_t count = 0;
  const Times walk = measure(21, [&] {
    looker.refresh();
    auto snapshot = looker.snapshot(cache);
    Kernel& kernel = *expect(Kernel::of(*snapshot));
    return ms_of([&] {
      count = guest::linux::tasks(kernel, {guest::linux::TaskParts::state | guest::linux::TaskParts::parent |
                                               guest::linux::TaskParts::credentials,
                                           {}})
                  .entries.size();
    });
  });
  line(fmt::format("tasks: {} with state, parent, credentials", count), walk, beside);
  for (const char* sql :
       {"SELECT pid, ppid, comm, state, uid FROM processes", "SELECT pid, comm, exe, cmdline FROM processes",
        "SELECT tid, comm FROM threads", "SELECT name, state, taints FROM modules", "SELECT * FROM syscalls",
        "SELECT * FROM sockets", "SELECT name, address FROM symbols"}) {
    const auto [times, rows] = query(looker, cache, sql);
    line(fmt::format("{}: {} rows", sql, rows), times);
  }
}

/// Bytes of a snapshot's memory that stand at `ranges`, as they are.
Bytes bytes_of(Kernel& kernel, const std::vector<guest::linux::Range>& ranges) {
  Bytes all;
  for (const auto& range : ranges) {
    Bytes one(range.size());
    (void)guest::linux::read_in_bulk(kernel, range.first, one);
    all.insert(all.end(), one.begin(), one.end());
  }
  return all;
}

/// Text, read-only data and modules against what the vendor shipped.
void verification(Looker& looker, const lab::Guest& guest, const std::string& key) {
  const std::string state = guest.folder().file("bench-state");
  const auto files = std::make_shared<guest::live::GoldenFiles>(state);
  guest::live::GoldenImport import(*files, [](std::string_view) {});
  expect(import.take(expect(lab::lab_script({"fetch-kernel", key}))));
  expect(import.take(expect(lab::lab_script({"fetch-kernel", "--modules", key}))));
  const auto kernels = std::make_shared<guest::live::KernelStore>(state);
  const auto look = [&](std::shared_ptr<guest::linux::GoldenStore> golden) {
    looker.refresh();
    auto snapshot = looker.snapshot(kernels);
    snapshot->keep(std::move(golden));
    (void)expect(Kernel::of(*snapshot));
    return snapshot;
  };

  std::vector<guest::linux::Range> ranges;
  Bytes held;
  {
    auto snapshot = look(files);
    Kernel& kernel = *expect(Kernel::of(*snapshot));
    for (const auto& region : guest::linux::KernelText::of(kernel).regions()) ranges.push_back(region.range);
    for (const auto& range : expect(guest::linux::golden_reference(kernel))->rodata())
      ranges.push_back(range);
    for (const auto& module : guest::linux::modules(kernel).entries)
      if (const auto reference = guest::linux::GoldenModules::of(kernel).reference(module))
        for (const auto& part : (*reference)->parts())
          if (part.compared && !part.code) ranges.push_back({guest::Gva{part.first}, guest::Gva{part.end()}});
    held = bytes_of(kernel, ranges);
  }
  const Bytes copy = held;
  const double size = static_cast<double>(held.size());
  const auto speed = [&](const Times& times) {
    return fmt::format("{:.2f} GB/s", size / times.median / 1e6);
  };
  fmt::print("text, read-only data, modules: {} bytes in {} ranges\n", held.size(), ranges.size());
  int differences = 0;
  const Times bare = measure(21, [&] {
    return ms_of([&] { differences += std::memcmp(held.data(), copy.data(), held.size()) != 0 ? 1 : 0; });
  });
  line("memcmp of as many bytes", bare, speed(bare));
  const Times read = measure(21, [&] {
    auto snapshot = look(files);
    Kernel& kernel = *expect(Kernel::of(*snapshot));
    return ms_of([&] { held = bytes_of(kernel, ranges); });
  });
  line("reading them", read, speed(read));

  auto database = expect(policies::Database::create());
  const auto verify = [&](const std::shared_ptr<guest::linux::GoldenStore>& golden,
                          std::initializer_list<const char*> tables) {
    auto snapshot = look(golden);
    database->bind(snapshot.get());
    return ms_of([&] {
      for (const char* table : tables) {
        const auto answer = expect(database->query(fmt::format(
            "SELECT count(*) FROM {}{}", table,
            std::string_view(table).find("text") != std::string_view::npos ? " WHERE explained = 0" : "")));
        if (answer.rows.at(0).at(0) != policies::Value(std::int64_t{0})) ++differences;
        if (!answer.incomplete.empty()) throw std::runtime_error(answer.incomplete.front());
      }
    });
  };
  const auto all = {"kernel_text_changes", "module_text_changes", "kernel_rodata_changes",
                    "module_rodata_changes"};
  const Times first =
      measure(5, [&] { return verify(std::make_shared<guest::live::GoldenFiles>(state), all); });
  line("verified, vendor's files unpacked and parsed too", first, speed(first));
  for (const char* table : all)
    line(fmt::format("verified: {}", table), measure(11, [&] { return verify(files, {table}); }));
  const Times whole = measure(11, [&] { return verify(files, all); });
  line("verified, all of it", whole,
       fmt::format("{}, {:.1f} x memcmp", speed(whole), whole.median / bare.median));

  auto policies = policies::shipped_policies().policies;
  std::erase_if(policies, [](const auto& policy) {
    return policy.name != "linux-text" && policy.name != "linux-rodata";
  });
  const auto evaluator = expect(policies::Evaluator::create(policies));
  const auto tick = [&] {
    auto snapshot = look(files);
    return ms_of([&] {
      for (const auto& result : evaluator->tick(*snapshot, looker.live().memory()))
        if (result.verdict != policies::Verdict::ok) ++differences;
    });
  };
  line("a tick of linux-text and linux-rodata, the first", measure(1, tick));
  line("the same, nothing changed", measure(21, tick));
  if (differences != 0) throw std::runtime_error("a healthy guest differs from its vendor's kernel");
}

int run() {
  lab::Options options;
  options.ram = lab::Ram::memfd;
  options.memory = "512M";
  options.smp = 2;
  options.modules = true;
  auto booted = lab::Guest::boot(options);
  if (!booted) {
    fmt::print(stderr, "linux_live_bench: {}\n", booted.error().message);
    return 1;
  }
  lab::Guest& guest = **booted;
  guest.run("settle 20 1000", std::chrono::minutes(5));
  {
    Looker looker(guest, Backend::mapped);
    fmt::print("\n--- verification with all modules of the lab's list, through mapped\n");
    verification(looker, guest, options.kernel);
  }
  for (const Backend backend : {Backend::mapped, Backend::process}) {
    Looker looker(guest, backend);
    fmt::print("\n--- through {}\n", looker.live().memory().backend());
    discovery(looker, guest);
    listings(looker, guest, "drgn 7.5 ms for 46 tasks; LibVMI 1250; Volatility 12600");
  }
  for (const int tasks : {100, 1000}) {
    guest.run(fmt::format(
                  "n=$(ls -d /proc/[0-9]* | wc -l); while [ $n -lt {} ]; do sleep 100000 & n=$((n+1)); done",
                  tasks),
              std::chrono::seconds(300));
    Looker looker(guest, Backend::mapped);
    fmt::print("\n--- {} processes, through mapped\n", tasks);
    listings(looker, guest, "");
  }
  return 0;
}

}  // namespace
}  // namespace ringside

int main() try { return ringside::run(); } catch (const std::exception& error) {
  fmt::print(stderr, "linux_live_bench: {}\n", error.what());
  return 1;
}
