// SPDX-License-Identifier: Apache-2.0
#include "tests/lab/guest.h"

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace ringside::lab {
namespace {

using std::chrono::steady_clock;

constexpr int kScriptUnavailable = 69;  // scripts/lab/common.sh
constexpr std::uintmax_t kDiskBytes = 256u << 20;

std::string last_line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  const auto newline = text.rfind('\n');
  return newline == std::string::npos ? text : text.substr(newline + 1);
}

void add_ram(const Options& options, const TemporaryFolder& folder, std::vector<std::string>& arguments) {
  std::string object;
  switch (options.ram) {
    case Ram::anonymous:
    case Ram::custom:
      return;
    case Ram::memfd:
      object = fmt::format("memory-backend-memfd,id=ram,size={},share=on", options.memory);
      break;
    case Ram::file:
      object = fmt::format("memory-backend-file,id=ram,size={},share=on,mem-path={}", options.memory,
                           folder.file("ram"));
      break;
  }
  arguments.insert(arguments.end(), {"-object", object});
}

Result<std::vector<std::string>> command_line(const Options& options, const TemporaryFolder& folder) {
  std::string kernel = options.kernel_file;
  std::string initramfs;
  if (kernel.empty()) {
    RINGSIDE_TRY(kernel, lab_script({"fetch-kernel", options.kernel}));
    if (options.modules) {
      RINGSIDE_TRY(initramfs, lab_script({"make-initramfs", "--modules", options.kernel}));
    } else {
      RINGSIDE_TRY(const std::string architecture, lab_script({"fetch-kernel", "--arch", options.kernel}));
      RINGSIDE_TRY(initramfs, lab_script({"make-initramfs", architecture}));
    }
  }
  if (!options.more_initramfs.empty()) {
    // The kernel unpacks one after the other (Documentation/driver-api/early-userspace/buffer-format.rst).
    const std::string both = folder.file("initramfs");
    std::ofstream out(both, std::ios::binary);
    for (const auto& file : {initramfs, options.more_initramfs})
      out << std::ifstream(file, std::ios::binary).rdbuf();
    if (!out.flush()) return fail(Errc::io, "cannot write " + both);
    initramfs = both;
  }
  const bool backend = options.ram == Ram::memfd || options.ram == Ram::file;
  // Started with -S, so that both ends of the console stand before the guest prints.
  std::vector<std::string> arguments = {
      options.qemu,
      "-S",
      "-nodefaults",
      "-display",
      "none",
      "-vga",
      "none",
      "-nic",
      "none",
      "-machine",
      options.machine + (backend ? ",memory-backend=ram" : ""),
      "-accel",
      options.accel,
      "-cpu",
      options.cpu,
      "-m",
      options.memory,
      "-smp",
      std::to_string(options.smp),
      "-kernel",
      kernel,
      "-append",
      "console=ttyS0 quiet panic=-1 ringside.script " + options.append,
      "-chardev",
      fmt::format("socket,id=monitor,path={},server=on,wait=off", folder.file("monitor")),
      "-mon",
      "chardev=monitor,mode=control",
      "-chardev",
      fmt::format("socket,id=oracle,path={},server=on,wait=off", folder.file("oracle")),
      "-mon",
      "chardev=oracle,mode=control",
      "-chardev",
      fmt::format("socket,id=console,path={},server=on,wait=off", folder.file("console")),
      "-serial",
      "chardev:console"};
  if (!initramfs.empty()) arguments.insert(arguments.end(), {"-initrd", initramfs});
  add_ram(options, folder, arguments);
  if (options.modules) {
    const std::string disk = folder.file("disk");
    std::ofstream(disk).close();
    std::filesystem::resize_file(disk, kDiskBytes);
    arguments.insert(arguments.end(),
                     {"-drive", fmt::format("file={},if=none,format=raw,id=disk,cache=unsafe", disk),
                      "-device", "virtio-blk-pci,drive=disk"});
  }
  arguments.insert(arguments.end(), options.extra.begin(), options.extra.end());
  return arguments;
}

}  // namespace

Result<std::string> lab_script(const std::vector<std::string>& arguments) {
  std::vector<std::string> command = arguments;
  command.front() = std::string(RINGSIDE_SOURCE_DIR "/scripts/lab/") + command.front();
  RINGSIDE_TRY(Finished script, run_program(command));
  if (script.status == kScriptUnavailable) return fail(Errc::unavailable, last_line(script.err));
  if (script.status != 0)
    return fail(Errc::io,
                fmt::format("scripts/lab/{} failed ({}): {}", arguments.front(), script.status, script.err));
  return last_line(script.out);
}

std::string Guest::log() const {
  std::ostringstream text;
  text << std::ifstream(folder_.file("qemu.log")).rdbuf();
  return text.str();
}

Result<std::unique_ptr<Guest>> Guest::boot(const Options& options) {
  RINGSIDE_TRY(const Finished probe, run_program({options.qemu, "-version"}));
  if (probe.status != 0) return fail(Errc::unavailable, options.qemu + " cannot be run here");
  std::unique_ptr<Guest> guest(new Guest);
  RINGSIDE_TRY(const std::vector<std::string> arguments, command_line(options, guest->folder_));
  RINGSIDE_TRY(Process process, Process::start(arguments, guest->folder_.file("qemu.log")));
  guest->process_ = std::make_unique<Process>(std::move(process));

  const auto end = steady_clock::now() + std::chrono::seconds(60);
  for (;;) {
    Result<SerialConsole> console = SerialConsole::connect(guest->folder_.file("console"));
    Result<RawQmp> qmp = RawQmp::connect(guest->folder_.file("oracle"));
    if (console && qmp) {
      guest->console_ = std::make_unique<SerialConsole>(std::move(*console));
      guest->qmp_ = std::make_unique<RawQmp>(std::move(*qmp));
      break;
    }
    if (const auto status = guest->process_->poll())
      return fail(Errc::io, fmt::format("QEMU ended at once ({}): {}", *status, guest->log()));
    if (steady_clock::now() > end)
      return fail(Errc::deadline, "QEMU does not open its sockets: " + guest->log());
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  RINGSIDE_CHECK(guest->qmp_->execute("cont"));
  if (options.wait_ready) {
    const auto ready = guest->console_->read_until("RINGSIDE LAB READY", options.ready_deadline);
    if (!ready) return fail(ready.error().within("boot"));
    (void)guest->run("true");
  }
  guest->qmp_->clear_events();
  return guest;
}

std::string Guest::run(const std::string& command, std::chrono::milliseconds deadline) {
  Result<std::string> output = console_->run(command, deadline);
  if (!output) throw std::runtime_error("guest command '" + command + "': " + output.error().message);
  return std::move(*output);
}

std::string Guest::fetch(const std::string& command, std::chrono::milliseconds deadline) {
  const std::string said = run(fmt::format("{{ {}; }} 2>/dev/null | lab send /dev/vda", command), deadline);
  std::size_t size = 0;
  if (std::sscanf(said.c_str(), "%zu", &size) != 1 || size > kDiskBytes)
    throw std::runtime_error("guest command '" + command + "' could not be fetched: " + said);
  std::string bytes(size, '\0');
  std::ifstream(disk(), std::ios::binary).read(bytes.data(), static_cast<std::streamsize>(size));
  return bytes;
}

}  // namespace ringside::lab
