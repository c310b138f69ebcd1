// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/linux/listing.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::guest::linux {

/// What a struct bpf_prog in memory is.
enum class BpfProgramState : std::uint8_t {
  listed,      ///< it stands in prog_idr: every user of bpf(2) can see it
  loading,     ///< not yet: the verifier works on it (kernel/bpf/syscall.c, bpf_prog_load)
  freed,       ///< no longer: its last user is gone, its memory goes after a grace period
  classic,     ///< made from a filter of classic BPF (sockets, seccomp); the kernel lists none of those
  subprogram,  ///< a function of a listed program
  hidden       ///< in use, and listed nowhere: no path of the kernel leaves one like this
};
std::string_view to_string(BpfProgramState state);

/// One struct bpf_prog.
struct BpfProgram {
  Gva address;
  BpfProgramState state{};
  bool listed = false, allocated = false;  ///< in prog_idr; in an area of vmalloc made for a program
  std::optional<std::uint32_t> id;         ///< 0: it has none (any more)
  std::string type;                        ///< "raw_tracepoint"; "unspec" for classic BPF
  std::string name;
  std::optional<std::array<std::byte, 8>> tag;  ///< a hash of its instructions, by the verifier
  bool jited = false;
  Gva function;                               ///< what is entered to run it
  std::optional<std::uint32_t> jited_size;    ///< bytes of machine code
  std::optional<std::uint32_t> instructions;  ///< of BPF
  std::optional<std::uint64_t> load_time;     ///< nanoseconds since boot
  std::optional<std::uint32_t> uid;           ///< of who loaded it
  std::string attach_function;                ///< of tracing and LSM programs: "bpf_lsm_file_open"
  /// Addresses of the helpers and kernel functions that it calls, in order, each once; nullopt: not asked for
  /// or not readable.
  std::optional<std::vector<Gva>> helpers;
};

/// Most programs, and most instructions of all of them together.
inline constexpr std::uint64_t kMaxBpfPrograms = 1u << 16;
inline constexpr std::uint64_t kMaxBpfInstructions = 1u << 24;

/// Every program: those in prog_idr and those that only their memory tells of. None on a kernel without BPF.
/// `helpers`: read their instructions. An error means that nothing could be said.
Result<Listing<BpfProgram>> bpf_programs(Kernel& kernel, bool helpers);

}  // namespace ringside::guest::linux
