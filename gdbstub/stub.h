// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "gdbstub/target_description.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace ringside::io {
class EventLoop;
}

namespace ringside::gdbstub {

/// GDB's `Z` packet types.
enum class BreakKind { software = 0, hardware = 1, write_watch = 2, read_watch = 3, access_watch = 4 };

/// Why the target stopped (`T`/`S` reply).
struct StopReply {
  int signal = 0;
  std::optional<unsigned> vcpu;                ///< 0-based
  std::optional<std::uint64_t> watch_address;  ///< GVA of a watch point that was hit
  std::string text;                            ///< the packet as it came
};

struct StubOptions {
  std::chrono::milliseconds deadline{5'000};  ///< for each exchange
  /// Without it every call that writes registers or memory fails with `permission`: reading is the default.
  bool allow_writes = false;
};

/// One connection to QEMU's gdbstub as synchronous code sees it. Connecting stops the guest and an abrupt
/// close leaves it stopped (QEMU gdbstub/system.c), so only guest::live::FreezeWindow opens one, inside a
/// freeze window. Errors: `closed`, `deadline`, `malformed`, `peer_error` (gdb `E nn`), `permission`.
class Stub {
 public:
  virtual ~Stub() = default;

  virtual const RegisterLayout& layout() const = 0;
  /// Number of vCPUs (threads) that the stub knows.
  virtual Result<unsigned> vcpu_count() = 0;
  /// Every register of `vcpu` (0-based) by the layout's names; little-endian bytes.
  virtual Result<std::map<std::string, Bytes>> registers(unsigned vcpu) = 0;
  /// Guest-virtual memory through `vcpu`'s own page tables.
  virtual Result<void> read_virtual(unsigned vcpu, std::uint64_t gva, std::span<std::byte> into) = 0;
  /// Guest-physical memory; `unsupported` before QEMU 4.1. The stub answers zeros beyond RAM and touches
  /// devices: ask only for RAM and ROM.
  virtual Result<void> read_physical(std::uint64_t gpa, std::span<std::byte> into) = 0;
  virtual Result<void> write_physical(std::uint64_t gpa, ByteView from) = 0;

  virtual Result<void> insert(BreakKind kind, std::uint64_t gva, unsigned length) = 0;
  virtual Result<void> remove(BreakKind kind, std::uint64_t gva, unsigned length) = 0;
  /// Lets all vCPUs run; wait_stop() then waits for the next stop. Until then nothing else but interrupt(),
  /// close() and detach_and_resume() is possible (`invalid_argument`): any packet would stop the guest.
  virtual Result<void> resume() = 0;
  /// One instruction of `vcpu`; the others stand still. `deadline` if it executed none, because it is halted.
  virtual Result<StopReply> step(unsigned vcpu) = 0;
  /// `deadline` means here that the guest is still running; the connection stays in use.
  virtual Result<StopReply> wait_stop(std::chrono::milliseconds deadline) = 0;
  /// Stops a guest that resume() let run.
  virtual Result<StopReply> interrupt() = 0;
  /// HMP command by qRcmd; its output. Without allow_writes only `info`, `help`, `gva2gpa` and `gpa2hva`.
  virtual Result<std::string> monitor_command(std::string_view line) = 0;

  /// Resets physical mode, removes this connection's break points, and closes without `D`, so the guest stays
  /// stopped: the freeze window around it decides whether it runs again. Idempotent; the destructor calls it.
  virtual Result<void> close() = 0;
  /// The same, then `D`: QEMU resumes the guest whatever its state was before. The way out when QMP is lost.
  virtual Result<void> detach_and_resume() = 0;
};

/// Connects to the stub on a Unix socket (never TCP) and reads its target description. `loop` must outlive
/// it.
Result<std::unique_ptr<Stub>> connect(io::EventLoop& loop, const std::string& socket_path,
                                      StubOptions options = {});

}  // namespace ringside::gdbstub
