// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/address_space.h"
#include "guest/linux/kernel_cache.h"
#include "guest/linux/symbol_table.h"
#include "guest/linux/types.h"
#include "guest/snapshot.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::guest::linux {

/// Addresses [first, end).
struct Range {
  Gva first{0}, end{0};
  bool contains(Gva gva) const { return first <= gva && gva < end; }
  std::uint64_t size() const { return end - first; }
};

/// Who the kernel is and where it stands. Everything here is read from the guest at each snapshot.
struct KernelIdentity {
  std::string release;            ///< "6.1.0-50-cloud-amd64", from the banner
  std::string banner;             ///< linux_banner, without its newline
  std::string build_id;           ///< hex, of the GNU note; empty if the kernel has none
  unsigned major = 0, minor = 0;  ///< of the release
  unsigned bits = 64;             ///< 64 or 32
  x86::PagingRoot root;           ///< the kernel's own page tables
  std::string root_from;          ///< how they were found, in words
  bool isolation = false;         ///< page-table isolation: a root of user mode stands beside the kernel's
  Range image;                    ///< [_text, _end)
  Range text;                     ///< [_stext, _etext)
  Range init_text;                ///< [_sinittext, _einittext): freed after boot
  Gpa image_gpa;                  ///< of _text
  std::uint64_t slide = 0;        ///< KASLR: how far the image was moved from where it was linked to
  unsigned cpus = 0;              ///< vCPUs of the machine
};

/// The Linux kernel found in a snapshot. Made once a snapshot, from CPU state; see discover().
/// What reads of the guest it takes to stand on firm ground (entry gate, banner, build id) are noted anew in
/// each read set that is recorded while it is used. Not thread-safe.
class Kernel {
 public:
  /// The kernel of `snapshot`; found at the first call, kept with the snapshot from then on, a failure too.
  /// Uses the KernelCache that is kept with the snapshot, if there is one. Errors say what was found instead
  /// of a running Linux kernel: `unavailable` (still in firmware or boot loader, paging off, memory
  /// encrypted), `unsupported` (no Linux, or one that is too old or new), `mismatch` (two facts contradict
  /// each other).
  static Result<Kernel*> of(Snapshot& snapshot);

  /// Makes `kernel` the one that of() gives for `snapshot`: for tests, which make kernels up.
  static void set(Snapshot& snapshot, std::shared_ptr<Kernel> kernel);

  virtual ~Kernel() = default;

  virtual Snapshot& snapshot() = 0;
  /// Guest-virtual memory through the kernel's own page tables.
  virtual AddressSpace& space() = 0;
  virtual const KernelIdentity& identity() const = 0;
  /// How it was found, a step a line, with the cross-checks; for `inspect --explain`.
  virtual const std::vector<std::string>& explanation() const = 0;
  unsigned pointer_size() const { return identity().bits / 8; }

  // --- symbols of the image
  virtual const SymbolTable& symbols() const = 0;
  virtual std::uint64_t slide() const = 0;  ///< to pass to symbols()
  /// Address of the first symbol of that name; `not_found` names it.
  virtual Result<Gva> symbol(std::string_view name) = 0;
  /// The same where its absence is normal.
  std::optional<Gva> find_symbol(std::string_view name);
  /// A variable that has another name in other releases: the first that exists.
  Result<Gva> symbol_of(std::initializer_list<std::string_view> names);

  // --- types
  /// Layouts of the kernel image's types. Where the kernel has no BTF: what could be recovered. `unavailable`
  /// if nothing could.
  virtual Result<const Types*> types() = 0;
  /// The BTF itself; `unavailable` where this kernel has none.
  virtual Result<std::shared_ptr<const Btf>> btf() = 0;
  Result<Field> field(std::string_view type, std::string_view path);
  /// The first of several spellings that exists ("__state", "state").
  Result<Field> field_of(std::string_view type, std::initializer_list<std::string_view> paths);
  Result<std::uint32_t> offset(std::string_view type, std::string_view path);

  /// True once boot is over (system_state is SYSTEM_RUNNING). Before that much is in flux that later stands.
  Result<bool> booted();

  /// Makes the snapshot hold what is otherwise looked through and not kept, kallsyms and BTF, so that the
  /// same can be found in the snapshot when it was saved and loaded.
  virtual void hold_tables() = 0;

  // --- reading kernel memory
  template <class T>
  Result<T> read(Gva gva) {
    return space().read<T>(gva);
  }
  /// 4 or 8 bytes.
  Result<Gva> read_pointer(Gva gva);
  /// An integer member of the object at `object`, bit fields included; zero- or sign-extended by
  /// field.is_signed.
  Result<std::uint64_t> read_field(Gva object, const Field& field);
  Result<Gva> read_pointer_field(Gva object, const Field& field) {
    return read_pointer(object + field.offset);
  }
  /// A NUL-terminated string of at most `max` bytes (longer ones are cut there). Bytes are as the guest holds
  /// them: not necessarily UTF-8, control characters included; printing escapes them.
  Result<std::string> read_string(Gva gva, std::size_t max);

  // --- per-CPU variables
  /// CPUs that the kernel has set up (nr_cpu_ids bounded by kMaxCpus), by the values of __per_cpu_offset.
  virtual Result<std::vector<std::uint64_t>> per_cpu_offsets() = 0;
  /// The variable `name` of CPU `cpu` (kernel numbering).
  Result<Gva> per_cpu(std::string_view name, unsigned cpu);

  static constexpr unsigned kMaxCpus = 8192;

  /// A value kept with this kernel for as long as nobody records into another read set: objects that several
  /// tables share are read once, and yet each read set notes them. `make` returns Result<T> or T.
  template <class T, class Make>
  T& memo(Make&& make);

 protected:
  /// Notes in the read set what shows that this is still the same kernel at the same place. Called whenever
  /// of() gives it.
  virtual void note_proof() {}
  virtual std::shared_ptr<void>& memo_slot(const void* key) = 0;
};

namespace detail {
template <class T>
inline constexpr char kMemoKey = 0;
}

template <class T, class Make>
T& Kernel::memo(Make&& make) {
  // The slot may move while make() fills others: it is looked up again afterwards.
  if (!memo_slot(&detail::kMemoKey<T>)) {
    auto made = std::make_shared<T>(make());
    memo_slot(&detail::kMemoKey<T>) = std::move(made);
  }
  return *static_cast<T*>(memo_slot(&detail::kMemoKey<T>).get());
}

}  // namespace ringside::guest::linux
