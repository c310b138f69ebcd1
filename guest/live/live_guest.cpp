// SPDX-License-Identifier: Apache-2.0
#include "guest/live/live_guest.h"

#include "guest/live/backend_selection.h"
#include "guest/live/golden_files.h"
#include "guest/live/kernel_store.h"
#include "guest/live/msr_reader.h"
#include "guest/live/qemu_process.h"
#include "qmp/commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace ringside::guest::live {

namespace {

constexpr std::string_view kNoUuid = "00000000-0000-0000-0000-000000000000";

Result<void> check_target(qmp::Monitor& monitor) {
  RINGSIDE_TRY(const qmp::Json target, monitor.execute("query-target"));
  const std::string arch = target.is_object() && target.contains("arch") && target["arch"].is_string()
                               ? target["arch"].get<std::string>()
                               : std::string("unknown");
  if (arch == "x86_64" || arch == "i386") return {};
  return fail(Errc::unsupported, fmt::format("the guest is {}; ringside reads x86 guests", arch));
}

/// What encrypts guest memory: QEMU keeps an object of a type of its own for each kind (qapi/qom.json,
/// ObjectType).
std::string encryption_of(qmp::Monitor& monitor) {
  const auto types = monitor.call(qmp::qom_list_types("/objects"));
  if (!types) return {};
  for (const auto& [type, name] :
       {std::pair("child<sev-guest>", "SEV"), std::pair("child<sev-snp-guest>", "SEV-SNP"),
        std::pair("child<tdx-guest>", "TDX")})
    if (std::find(types->begin(), types->end(), type) != types->end()) return name;
  return {};
}

Result<GuestInfo> identify(qmp::Monitor& monitor, const std::function<Result<void>()>& may_go_on) {
  GuestInfo info;
  info.target = io::to_string(monitor.endpoint());
  RINGSIDE_TRY(const qmp::Version version, monitor.call(qmp::query_version()));
  info.qemu_version = fmt::format("{}.{}.{}", version.major, version.minor, version.micro);
  if (!version.package.empty()) info.qemu_version += fmt::format(" ({})", version.package);
  RINGSIDE_CHECK(may_go_on());
  RINGSIDE_TRY(info.name, monitor.call(qmp::query_name()));
  RINGSIDE_CHECK(may_go_on());
  RINGSIDE_TRY(info.uuid, monitor.call(qmp::query_uuid()));
  if (info.uuid == kNoUuid) info.uuid.clear();
  RINGSIDE_CHECK(may_go_on());
  RINGSIDE_TRY(const qmp::KvmInfo kvm, monitor.call(qmp::query_kvm()));
  info.accelerator = kvm.enabled ? "kvm" : "tcg";
  RINGSIDE_CHECK(may_go_on());
  RINGSIDE_TRY(const qmp::RunStatus status, monitor.call(qmp::query_status()));
  info.status = status.status;
  RINGSIDE_CHECK(may_go_on());
  info.encryption = encryption_of(monitor);
  return info;
}

/// The flat view, with the host address of every range that QEMU tells one for.
Result<memory::MemoryMap> read_map(qmp::Monitor& monitor, const std::function<Result<void>()>& may_go_on) {
  RINGSIDE_CHECK(may_go_on());
  RINGSIDE_TRY(const std::string text, monitor.call(qmp::human_monitor_command("info mtree -f")));
  RINGSIDE_TRY(const memory::MemoryMap map, memory::parse_flat_view(text));
  std::vector<memory::MemoryRange> ranges = map.ranges();
  for (memory::MemoryRange& range : ranges) {
    RINGSIDE_CHECK(may_go_on());
    RINGSIDE_TRY(const std::string answer,
                 monitor.call(qmp::human_monitor_command(fmt::format("gpa2hva {:#x}", range.start.value))));
    if (const auto hva = memory::parse_gpa2hva(answer)) range.hva = *hva;
  }
  return memory::MemoryMap::create(std::move(ranges));
}

/// The process behind the guest, proven by its mappings.
struct QemuProcess {
  std::optional<pid_t> pid;
  std::vector<Mapping> mappings;
  std::string unknown_because;
};

QemuProcess find_process(qmp::Monitor& monitor, const memory::MemoryMap& map, const std::string& name,
                         std::optional<pid_t> told) {
  std::vector<pid_t> candidates;
  if (told) candidates.push_back(*told);
  if (const auto peer = monitor.peer(); peer && peer->pid > 0) candidates.push_back(peer->pid);
  // Under libvirt the listener is libvirt's; it keeps QEMU's pid here (libvirt src/qemu/qemu_process.c).
  if (!name.empty() && name.find('/') == std::string::npos) {
    std::ifstream file(fmt::format("/run/libvirt/qemu/{}.pid", name));
    if (pid_t pid = 0; file >> pid && pid > 0) candidates.push_back(pid);
  }
  QemuProcess found;
  found.unknown_because = "QEMU's process is out of sight (no Unix socket, or another pid namespace)";
  for (const pid_t pid : candidates) {
    auto mappings = read_mappings(pid);
    if (!mappings) {
      found.unknown_because = mappings.error().message;
      continue;
    }
    if (const auto is_qemu = check_is_qemu(*mappings, map); !is_qemu) {
      found.unknown_because = fmt::format("process {} behind the monitor is not the guest's QEMU: {}", pid,
                                          is_qemu.error().message);
      continue;
    }
    return {pid, std::move(*mappings), {}};
  }
  return found;
}

class AttachedGuest final : public LiveGuest {
 public:
  AttachedGuest(io::EventLoop& loop, AttachOptions options, std::unique_ptr<qmp::Monitor> connected)
      : connectors_(options.connectors ? *options.connectors : connectors_on(loop, options.connect)),
        options_(std::move(options)),
        monitor_(std::move(connected)),
        journal_((std::filesystem::path(options_.state_directory) / "frozen").string()),
        kernels_(options_.kernels ? options_.kernels
                                  : std::make_shared<KernelStore>(options_.state_directory)),
        golden_(options_.golden ? options_.golden : std::make_shared<GoldenFiles>(options_.state_directory)) {
  }

  Result<void> prepare(const std::vector<FreezeJournal::Replayed>& replayed) {
    for (const FreezeJournal::Replayed& entry : replayed)
      replay_notes_.push_back(entry.outcome ? "gave the guest back that an ended ringside had left frozen"
                                            : "freeze journal: " + entry.outcome.error().message);
    RINGSIDE_CHECK(check_target(*monitor_));
    RINGSIDE_CHECK(options_.may_go_on());
    RINGSIDE_TRY(info_, identify(*monitor_, options_.may_go_on));
    return refresh_map();
  }

  qmp::Monitor& monitor() override { return *monitor_; }
  memory::PhysicalMemory& memory() override { return *selected_.memory; }
  const std::vector<std::string>& backend_notes() const override { return notes_; }
  FreezeJournal& journal() override { return journal_; }
  const GuestInfo& info() const override { return info_; }
  std::optional<pid_t> qemu_pid() const override { return process_.pid; }

  Result<std::vector<x86::CpuState>> read_cpus(MsrSource msrs) override {
    RINGSIDE_TRY(auto cpus, read_registers());
    RINGSIDE_CHECK(msr_reader_->fill(cpus, msrs));
    return cpus;
  }

  Result<std::unique_ptr<Snapshot>> snapshot(MsrSource msrs) override {
    GuestInfo info = info_;
    RINGSIDE_TRY(const qmp::RunStatus status, monitor_->call(qmp::query_status()));
    info.status = status.status;
    RINGSIDE_TRY(auto cpus, read_cpus(msrs));
    info.taken = std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
    auto snapshot = std::make_unique<Snapshot>(std::move(info), std::move(cpus), *selected_.memory);
    snapshot->keep(kernels_);
    snapshot->keep(golden_);
    return snapshot;
  }

  Result<std::unique_ptr<FreezeWindow>> freeze() override {
    return FreezeWindow::open(connectors_, *monitor_, journal_);
  }

  Result<void> write(const std::vector<PhysicalWrite>& writes) override;
  Result<void> refresh_map() override;

 private:
  Result<std::vector<x86::CpuState>> read_registers() {
    RINGSIDE_TRY(const std::string text, monitor_->call(qmp::human_monitor_command("info registers -a")));
    return x86::parse_info_registers(text);
  }

  /// Runs `work` on the gdbstub of the open window, or of one opened for it.
  template <class Work>
  Result<void> in_window(gdbstub::StubOptions options, Work work) {
    std::unique_ptr<FreezeWindow> own;
    FreezeWindow* window = FreezeWindow::on(*monitor_);
    if (window == nullptr) {
      RINGSIDE_TRY(own, freeze());
      window = own.get();
    }
    RINGSIDE_TRY(gdbstub::Stub * stub, window->attach_gdbstub(options));
    Result<void> outcome = work(*stub);
    if (!own) return outcome;
    const Result<void> closed = own->close();
    return outcome ? closed : outcome;
  }

  Result<void> read_burst(std::span<memory::ReadRequest> requests) {
    return in_window({}, [&](gdbstub::Stub& stub) -> Result<void> {
      for (memory::ReadRequest& request : requests)
        if (auto read = stub.read_physical(request.gpa.value, request.into); !read)
          request.error = read.error();
      return {};
    });
  }

  Connectors connectors_;
  AttachOptions options_;
  std::unique_ptr<qmp::Monitor> monitor_;
  FreezeJournal journal_;
  GuestInfo info_;
  std::vector<std::string> replay_notes_, notes_;
  memory::MemoryMap map_;
  QemuProcess process_;
  SelectedBackend selected_;
  std::unique_ptr<MsrReader> msr_reader_;
  std::shared_ptr<linux::KernelCache> kernels_;
  std::shared_ptr<linux::GoldenStore> golden_;
};

Result<void> AttachedGuest::refresh_map() {
  RINGSIDE_TRY(memory::MemoryMap map, read_map(*monitor_, options_.may_go_on));
  QemuProcess process = find_process(*monitor_, map, info_.name, options_.qemu_pid);
  const BackendContext context{
      .monitor = *monitor_,
      .map = map,
      .qemu = process.pid,
      .mappings = process.mappings,
      .no_process = process.unknown_because,
      .may_go_on = options_.may_go_on,
      .read_frozen = [this](std::span<memory::ReadRequest> requests) { return read_burst(requests); },
  };
  notes_ = replay_notes_;
  RINGSIDE_TRY(selected_, select_backend(options_.backend, context, notes_));
  map_ = std::move(map);
  process_ = std::move(process);
  info_.backend = std::string(selected_.memory->backend());
  msr_reader_ = std::make_unique<MsrReader>(MsrContext{
      .monitor = *monitor_,
      .map = map_,
      .qemu = process_.pid,
      .state_directory = options_.state_directory,
      .read_registers = [this] { return read_registers(); },
      .freeze = [this]() -> Result<std::unique_ptr<FreezeWindow>> {
        if (FreezeWindow::on(*monitor_) != nullptr) return std::unique_ptr<FreezeWindow>();
        return freeze();
      },
  });
  return {};
}

Result<void> AttachedGuest::write(const std::vector<PhysicalWrite>& writes) {
  for (const PhysicalWrite& write : writes) {
    if (write.expected.size() != write.replacement.size() || write.expected.empty())
      return fail(Errc::invalid_argument,
                  "a write needs as many expected bytes as replacement bytes, and some");
    const memory::MemoryRange* range = map_.find(write.gpa);
    if (range == nullptr || range->size - (write.gpa - range->start) < write.replacement.size())
      return fail(Errc::not_ram,
                  fmt::format("{} is not RAM for {} bytes", to_string(write.gpa), write.expected.size()));
    if (range->kind != memory::MemoryRange::Kind::ram)
      return fail(Errc::not_ram,
                  fmt::format("{} is ROM ({}), which is not written", to_string(write.gpa), range->block));
  }
  return in_window({.allow_writes = true}, [&](gdbstub::Stub& stub) -> Result<void> {
    const auto check = [&stub](Gpa gpa, const Bytes& wanted, std::string_view when) -> Result<void> {
      Bytes held(wanted.size());
      RINGSIDE_CHECK(stub.read_physical(gpa.value, held));
      if (held == wanted) return {};
      return fail(Errc::mismatch, fmt::format("the guest holds other bytes at {} {}", to_string(gpa), when));
    };
    // All are compared before any is written: a half-done repair is worse than none.
    for (const PhysicalWrite& write : writes)
      RINGSIDE_CHECK(check(write.gpa, write.expected, "than expected; nothing was written"));
    for (const PhysicalWrite& write : writes)
      RINGSIDE_CHECK(stub.write_physical(write.gpa.value, write.replacement));
    for (const PhysicalWrite& write : writes)
      RINGSIDE_CHECK(check(write.gpa, write.replacement, "after the write"));
    return {};
  });
}

}  // namespace

Result<std::unique_ptr<LiveGuest>> LiveGuest::attach(io::EventLoop& loop, AttachOptions options) {
  if (options.state_directory.empty())
    return fail(Errc::invalid_argument, "attaching needs a state directory");
  // A monitor serves one client, so what was left frozen is given back before we take it.
  FreezeJournal journal((std::filesystem::path(options.state_directory) / "frozen").string());
  const Connectors reach = options.connectors ? *options.connectors : connectors_on(loop, options.connect);
  const auto replayed = journal.replay(reach, options.endpoint);
  RINGSIDE_TRY(auto monitor, reach.monitor(options.endpoint));
  auto guest = std::make_unique<AttachedGuest>(loop, std::move(options), std::move(monitor));
  RINGSIDE_CHECK(guest->prepare(replayed));
  return guest;
}

}  // namespace ringside::guest::live
