// SPDX-License-Identifier: Apache-2.0
#include "guest/live/device_state.h"

#include "guest/live/private_directory.h"
#include "guest/x86/vmstate_cpu.h"
#include "qmp/commands.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

namespace ringside::guest::live {

namespace {

constexpr std::uint64_t kStreamBound = 256u << 20;  // bytes; a machine with many devices has a few MiB
constexpr std::chrono::milliseconds kFarewell{1'000};

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }

 private:
  int fd_;
};

auto system_failure(std::string_view what) {
  return fail(Errc::io, fmt::format("cannot {}: {}", what, std::strerror(errno)));
}

/// Saving the state under a migration would disturb it (migration/savevm.c shares its state).
Result<void> check_no_migration(qmp::Monitor& monitor) {
  RINGSIDE_TRY(const qmp::Json migration, monitor.execute("query-migrate"));
  const auto status = migration.is_object() ? migration.find("status") : migration.end();
  if (!migration.is_object() || status == migration.end() || !status->is_string()) return {};
  const std::string state = *status;
  for (const std::string_view harmless : {"none", "completed", "failed", "cancelled"})
    if (state == harmless) return {};
  return fail(Errc::unavailable, fmt::format("a migration is {}: the device state is left alone", state));
}

Result<Bytes> read_all(int fd) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return system_failure("look at the saved device state");
  if (static_cast<std::uint64_t>(info.st_size) > kStreamBound)
    return fail(Errc::oversized, fmt::format("the device state has {} bytes", info.st_size));
  Bytes stream(static_cast<std::size_t>(info.st_size));
  std::size_t done = 0;
  while (done < stream.size()) {
    const ssize_t n = ::pread(fd, stream.data() + done, stream.size() - done, static_cast<off_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return system_failure("read the saved device state");
    done += static_cast<std::size_t>(n);
  }
  return stream;
}

/// Where no descriptor can be passed (TCP, an old libvirt): through a file that both sides see.
Result<Bytes> save_by_file(qmp::Monitor& monitor) {
  std::string reason = "no folder that both sides see";
  for (const std::string& base : private_directory_bases(monitor.endpoint())) {
    const auto directory = PrivateDirectory::create(base, monitor.peer());
    if (!directory) continue;
    const std::string path = directory->path() + "/state";
    if (const auto saved = monitor.call(qmp::xen_save_devices_state(path)); !saved) {
      reason = saved.error().message;
      continue;
    }
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    if (file.valid()) return read_all(file.get());
    reason = "QEMU wrote the device state out of our sight";
  }
  return fail(Errc::unavailable, reason);
}

}  // namespace

/// A memory file that QEMU has a descriptor of: nothing touches a disk, and no folder need be shared. One for
/// all states: QEMU closes what is taken out of a set of descriptors only if the guest runs just then
/// (monitor/fds.c, monitor_fdset_cleanup), so that one for each state of a guest that stands still would use
/// up its descriptors.
struct DeviceState::PassedFile {
  Descriptor memory{::memfd_create("ringside-device-state", MFD_CLOEXEC)};
  // QEMU opens /dev/fdset/N for writing only and takes no descriptor with other access (util/osdep.c,
  // qemu_dup_flags): a read-write memfd would be "Permission denied".
  Descriptor writer{::open(fmt::format("/proc/self/fd/{}", memory.get()).c_str(), O_WRONLY | O_CLOEXEC)};
  int set = -1;
};

DeviceState::DeviceState(qmp::Monitor& monitor) : monitor_(monitor) {}

DeviceState::~DeviceState() {
  if (file_ && monitor_.connected())
    (void)monitor_.call(qmp::remove_fd(file_->set), {.deadline = kFarewell, .descriptor = -1});
}

Result<Bytes> DeviceState::save_by_descriptor() {
  if (!file_) {
    auto file = std::make_unique<PassedFile>();
    if (!file->memory.valid() || !file->writer.valid()) return system_failure("make a memory file");
    auto add = qmp::add_fd("ringside device state");
    RINGSIDE_TRY(const qmp::FdSet set, monitor_.call(add, {.descriptor = file->writer.get()}));
    file->set = set.fdset_id;
    file_ = std::move(file);
  }
  // QEMU's descriptors share our place in the file.
  if (::ftruncate(file_->memory.get(), 0) != 0 || ::lseek(file_->writer.get(), 0, SEEK_SET) != 0)
    return system_failure("empty the memory file");
  auto saved = monitor_.call(qmp::xen_save_devices_state(fmt::format("/dev/fdset/{}", file_->set)));
  if (saved) return read_all(file_->memory.get());
  (void)monitor_.call(qmp::remove_fd(file_->set));
  file_.reset();
  return fail(saved.error());
}

x86::Emulator DeviceState::emulator() {
  if (!emulator_) {
    const auto target =
        monitor_.supports("query-target") ? monitor_.call(qmp::query_target()) : Result<std::string>("");
    if (!target) return x86::Emulator::x86_64;
    emulator_ = *target == "i386" ? x86::Emulator::i386 : x86::Emulator::x86_64;
  }
  return *emulator_;
}

Result<Bytes> DeviceState::save() {
  if (!monitor_.supports("xen-save-devices-state"))
    return fail(Errc::unsupported, "this QEMU has no xen-save-devices-state");
  RINGSIDE_CHECK(check_no_migration(monitor_));
  const io::Endpoint::Kind kind = monitor_.endpoint().kind;
  if (kind != io::Endpoint::Kind::tcp && kind != io::Endpoint::Kind::tls) {
    auto saved = save_by_descriptor();
    // libvirt passes descriptors on since 8.2.
    if (saved || saved.error().code != Errc::unsupported) return saved;
  }
  return save_by_file(monitor_);
}

Result<std::vector<x86::CpuState>> DeviceState::read_cpus(std::span<const x86::CpuState> reference) {
  RINGSIDE_TRY(const Bytes stream, save());
  return x86::parse_vmstate_cpus(stream, reference, emulator());
}

}  // namespace ringside::guest::live
