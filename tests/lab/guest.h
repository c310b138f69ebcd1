// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "tests/lab/process.h"
#include "tests/lab/raw_qmp.h"
#include "tests/lab/serial_console.h"

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace ringside::lab {

/// Processor models for the paging modes. cx16=off: QEMU 7.2's TCG corrupts EFLAGS after CMPXCHG16B, which
/// oopses newer guests at random.
inline constexpr const char* kFourLevelCpu = "max,la57=off,cx16=off";
inline constexpr const char* kFiveLevelCpu = "max,la57=on,cx16=off";

/// What the guest's RAM is made of on the host.
enum class Ram {
  anonymous,  ///< QEMU's default: private memory
  memfd,      ///< memory-backend-memfd, share=on
  file,       ///< memory-backend-file, share=on
  custom,     ///< Options::extra brings its own memory backends
};

struct Options {
  std::string kernel = "amd64-cloud";  ///< key of scripts/lab/fetch-kernel
  std::string kernel_file{};           ///< not empty: boot this file instead, without initramfs
  std::string memory = "256M";
  unsigned smp = 1;
  std::string cpu = kFourLevelCpu;
  std::string append{};  ///< more kernel command line, e.g. "ringside.load"
  /// An initramfs with kernel modules, scripts/lab/settle and the program `lab` (tests/lab/guest_programs),
  /// and the disk that fetch() needs.
  bool modules = false;
  /// Another initramfs that is put behind the first; its files come to the same root.
  std::string more_initramfs{};
  Ram ram = Ram::anonymous;
  std::string accel = "tcg";
  std::string qemu = "qemu-system-x86_64";
  std::string machine = "pc";
  std::vector<std::string> extra{};  ///< more QEMU arguments
  bool wait_ready = true;            ///< wait for the guest's shell
  std::chrono::seconds ready_deadline{180};
};

/// A running QEMU with two independent QMP monitors and a shell on ttyS0. It ends with its owner, a crash of
/// the test program included.
class Guest {
 public:
  /// `unavailable`: this machine lacks something that the guest needs; tests skip with the message.
  static Result<std::unique_ptr<Guest>> boot(const Options& options = {});

  /// The monitor for ringside. The harness never connects to it.
  std::string monitor_socket() const { return folder_.file("monitor"); }
  /// The oracle's own monitor.
  RawQmp& qmp() { return *qmp_; }
  /// What `command` prints in the guest's shell; throws std::runtime_error if the guest does not answer.
  std::string run(const std::string& command, std::chrono::milliseconds deadline = std::chrono::seconds(60));
  /// What `command` prints, as it is and whatever its size; by way of a disk, so the console's speed does not
  /// matter. Needs Options::modules; throws like run().
  std::string fetch(const std::string& command,
                    std::chrono::milliseconds deadline = std::chrono::seconds(120));
  SerialConsole& console() { return *console_; }

  pid_t pid() const { return process_->pid(); }
  Process& process() { return *process_; }
  void kill() { process_->kill(); }
  /// A scratch folder that lives as long as the guest.
  const TemporaryFolder& folder() const { return folder_; }
  /// The disk that the guest sees as /dev/vda, for what it has to tell; with Options::modules.
  std::string disk() const { return folder_.file("disk"); }
  /// QEMU's own messages.
  std::string log() const;

 private:
  Guest() = default;
  TemporaryFolder folder_;
  std::unique_ptr<Process> process_;
  std::unique_ptr<RawQmp> qmp_;
  std::unique_ptr<SerialConsole> console_;
};

/// Runs one of scripts/lab; the path that it prints. `unavailable` if it says that something is missing.
Result<std::string> lab_script(const std::vector<std::string>& arguments);

}  // namespace ringside::lab

/// For SetUp() and test bodies: goes on with a guest, skips with the reason, or fails.
#define RINGSIDE_REQUIRE_GUEST(guest)                                      \
  do {                                                                     \
    if (!(guest) && (guest).error().code == ::ringside::Errc::unavailable) \
      GTEST_SKIP() << (guest).error().message;                             \
    ASSERT_TRUE((guest).has_value()) << (guest).error().message;           \
  } while (false)
