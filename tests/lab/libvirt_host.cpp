// SPDX-License-Identifier: Apache-2.0
#include "tests/lab/libvirt_host.h"

#include "tests/lab/guest.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

namespace ringside::lab {

namespace {

namespace fs = std::filesystem;
constexpr unsigned kQemuUser = 64055;  // what Debian gives libvirt-qemu (libvirt-daemon-system's postinst)
constexpr auto kDaemonDeadline = std::chrono::seconds(120);

std::string text_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

void write_configuration(const TemporaryFolder& folder) {
  std::ofstream(folder.file("etc/libvirtd.conf"))
      << "unix_sock_dir = \"" << folder.file("sock") << "\"\n"
      << "auth_unix_rw = \"none\"\nauth_unix_ro = \"none\"\nlog_outputs = \"2:stderr\"\n";
  std::ofstream(folder.file("etc/qemu.conf"))
      << "security_driver = \"none\"\ncgroup_controllers = [ ]\nnamespaces = [ ]\nuser = \"libvirt-qemu\"\n"
      << "group = \"libvirt-qemu\"\nremember_owner = 0\ndynamic_ownership = 0\nstdio_handler = \"file\"\n";
  // The package that brings the service makes this user; the driver does not start without it.
  std::string users = text_of("/etc/passwd"), groups = text_of("/etc/group");
  if (users.find("\nlibvirt-qemu:") == std::string::npos)
    users += fmt::format("libvirt-qemu:x:{0}:{0}::/nonexistent:/usr/sbin/nologin\n", kQemuUser);
  if (groups.find("\nlibvirt-qemu:") == std::string::npos)
    groups += fmt::format("libvirt-qemu:x:{}:\n", kQemuUser);
  if (groups.find("\nkvm:") == std::string::npos) groups += fmt::format("kvm:x:{}:\n", kQemuUser + 1);
  std::ofstream(folder.file("passwd")) << users;
  std::ofstream(folder.file("group")) << groups;
  // The daemon again and again, each time once the file `hold` is away.
  std::ofstream(folder.file("run.sh")) << fmt::format(
      R"(set -e
cd "{0}"
mount --make-rprivate /
mkdir -p /etc/libvirt /var/lib/libvirt /run/libvirt /var/log/libvirt /var/cache/libvirt
mount --bind etc /etc/libvirt
mount --bind var /var/lib/libvirt
mount --bind run /run/libvirt
mount --bind log /var/log/libvirt
mount --bind cache /var/cache/libvirt
mount --bind passwd /etc/passwd
mount --bind group /etc/group
while true; do
  while [ -e hold ]; do sleep 0.05; done
  libvirtd -f /etc/libvirt/libvirtd.conf -p "{0}/libvirtd.pid" >>daemon.log 2>&1 || true
done
)",
      folder.path());
}

volatile std::sig_atomic_t told_to_end = 0;

/// Runs `script` in a mount namespace of its own and takes in orphans: libvirt waits for QEMU's process to be
/// reaped, which not every container's first process does. Ends, with all that is below it, when it is told
/// to or when the test ends.
[[noreturn]] void keep_ward(pid_t test, const char* script, const char* log) {
  struct sigaction action {};
  action.sa_handler = [](int) { told_to_end = 1; };
  ::sigaction(SIGTERM, &action, nullptr);  // without SA_RESTART: it ends the wait
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != test) ::_exit(1);
  const pid_t shell = ::fork();
  if (shell == 0) {
    const int out = ::open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    ::dup2(::open("/dev/null", O_RDONLY | O_CLOEXEC), 0);
    ::dup2(out, 1);
    ::dup2(out, 2);
    ::signal(SIGTERM, SIG_DFL);
    ::execlp("unshare", "unshare", "-m", "sh", script, nullptr);
    ::_exit(127);
  }
  while (told_to_end == 0)
    if (::waitpid(-1, nullptr, 0) < 0 && errno == ECHILD) ::_exit(1);
  ::kill(shell, SIGKILL);
  // What is left becomes a child of ours as its parent ends.
  while (true) {
    std::ifstream children(fmt::format("/proc/self/task/{}/children", ::getpid()));
    for (pid_t child = 0; children >> child;) ::kill(child, SIGKILL);
    if (::waitpid(-1, nullptr, 0) < 0 && errno == ECHILD) ::_exit(0);
  }
}

}  // namespace

Result<std::unique_ptr<LibvirtHost>> LibvirtHost::make() {
  if (::geteuid() != 0) return fail(Errc::unavailable, "a libvirt of the test's own needs root");
  for (const std::vector<std::string>& probe : {std::vector<std::string>{"libvirtd", "--version"},
                                                {"virsh", "--version"},
                                                {"unshare", "-m", "true"}}) {
    const auto answer = run_program(probe);
    if (!answer || answer->status != 0) return fail(Errc::unavailable, probe[0] + " cannot be run here");
  }
  std::unique_ptr<LibvirtHost> host(new LibvirtHost);
  for (const char* name : {"etc/hooks/qemu.d", "var", "run", "log", "cache", "sock", "guest"})
    fs::create_directories(host->folder_.file(name));
  fs::permissions(host->folder_.path(), fs::perms(0755));  // QEMU's user passes through
  if (::chown(host->folder_.file("guest").c_str(), kQemuUser, kQemuUser) != 0)
    return fail(Errc::io, "cannot give QEMU's user a folder");
  write_configuration(host->folder_);
  std::ofstream(host->folder_.file("hold")).flush();
  const std::string script = host->folder_.file("run.sh"), log = host->folder_.file("daemon.log");
  const pid_t self = ::getpid();
  host->warden_ = ::fork();
  if (host->warden_ == 0) keep_ward(self, script.c_str(), log.c_str());
  if (host->warden_ < 0) return fail(Errc::io, "cannot fork");
  return host;
}

LibvirtHost::~LibvirtHost() {
  if (warden_ <= 0) return;
  ::kill(warden_, SIGTERM);
  ::waitpid(warden_, nullptr, 0);
}

std::string LibvirtHost::log() const {
  return text_of(folder_.file("daemon.log"));
}

Finished LibvirtHost::virsh(const std::vector<std::string>& arguments) const {
  std::vector<std::string> command{"virsh", "-q", "-c", uri()};
  command.insert(command.end(), arguments.begin(), arguments.end());
  const auto finished = run_program(command);
  return finished ? *finished : Finished{-1, "", finished.error().message};
}

Result<void> LibvirtHost::wait_for_socket() {
  const auto end = std::chrono::steady_clock::now() + kDaemonDeadline;
  while (virsh({"uri"}).status != 0) {
    if (std::chrono::steady_clock::now() > end)
      return fail(Errc::deadline, "libvirtd does not answer: " + log());
    if (log().find("unshare failed") != std::string::npos || log().find("mount: ") != std::string::npos)
      return fail(Errc::unavailable, "no mount namespace for libvirt here: " + log());
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  return {};
}

void LibvirtHost::kill_daemon() {
  std::ofstream(folder_.file("hold")).flush();
  pid_t daemon = 0;
  std::ifstream(folder_.file("libvirtd.pid")) >> daemon;
  if (daemon > 1) ::kill(daemon, SIGKILL);
}

Result<void> LibvirtHost::start_daemon() {
  fs::remove(folder_.file("hold"));
  return wait_for_socket();
}

Result<void> LibvirtHost::create_domain(const std::string& name, const std::string& uuid) {
  RINGSIDE_TRY(const std::string kernel, lab_script({"fetch-kernel", "amd64-cloud"}));
  RINGSIDE_TRY(const std::string initramfs, lab_script({"make-initramfs", "amd64"}));
  // Copies that QEMU's user may read.
  for (const auto& [from, to] : {std::pair(kernel, "kernel"), std::pair(initramfs, "initramfs")}) {
    fs::copy_file(from, folder_.file(to), fs::copy_options::overwrite_existing);
    fs::permissions(folder_.file(to), fs::perms(0644));
  }
  const std::string file = folder_.file("domain.xml");
  std::ofstream(file) << fmt::format(
      R"(<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>{name}</name>
  <uuid>{uuid}</uuid>
  <memory unit='MiB'>256</memory>
  <vcpu>2</vcpu>
  <os>
    <type arch='x86_64' machine='pc'>hvm</type>
    <kernel>{folder}/kernel</kernel>
    <initrd>{folder}/initramfs</initrd>
    <cmdline>console=ttyS0 quiet panic=-1 ringside.script</cmdline>
  </os>
  <features><acpi/></features>
  <devices>
    <serial type='unix'><source mode='bind' path='{console}'/></serial>
    <controller type='usb' model='none'/>
    <memballoon model='none'/>
  </devices>
  <qemu:commandline><qemu:arg value='-cpu'/><qemu:arg value='{cpu}'/></qemu:commandline>
</domain>
)",
      fmt::arg("name", name), fmt::arg("uuid", uuid), fmt::arg("folder", folder_.path()),
      fmt::arg("console", console(name)), fmt::arg("cpu", kFourLevelCpu));
  const Finished created = virsh({"create", file});
  if (created.status != 0) return fail(Errc::io, fmt::format("virsh create: {}\n{}", created.err, log()));
  return {};
}

}  // namespace ringside::lab
