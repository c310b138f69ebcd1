// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "guest/address.h"
#include "guest/linux/kallsyms.h"
#include "guest/linux/kallsyms_addresses.h"
#include "guest/linux/symbol_names.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::guest::linux {

/// One symbol of the kernel image.
struct Symbol {
  std::string name;
  Gva address;      ///< at run time; of a per-CPU variable what /proc/kallsyms shows, see Kernel::per_cpu
  char type = '?';  ///< as in /proc/kallsyms; from 7.0 on it does not tell code from data
};

/// The kernel image's own symbols, in kallsyms' order: by address. Names stay compressed as the kernel holds
/// them and are decoded when asked for. Immutable; shared by all snapshots of kernels of the same build.
class SymbolTable {
 public:
  /// `tables_bytes`: window[tables.first, tables.end) of find_kallsyms; positions in `tables` are rebased
  /// onto it. `tables_start`: the GVA of its first byte. `malformed` unless all of them lie in the bytes and
  /// the names can be walked.
  static Result<std::shared_ptr<const SymbolTable>> build(Bytes tables_bytes, Gva tables_start,
                                                          KallsymsTables tables);

  std::size_t size() const { return tables_.count; }
  /// All of these: index < size(). `slide` is what a kernel of the same build was moved by, relative to the
  /// one that the table was built from (modulo 2^64).
  Symbol symbol(std::size_t index, std::uint64_t slide = 0) const;
  std::uint64_t address(std::size_t index, std::uint64_t slide = 0) const;
  void name(std::size_t index, std::string& into) const;  ///< without the type letter
  char type(std::size_t index) const;

  /// The first symbol of that name, in order of address.
  std::optional<std::size_t> find(std::string_view name) const;
  std::vector<std::size_t> find_all(std::string_view name) const;
  /// The last symbol whose address is not above `address`; of several at one address the first. nullopt:
  /// below all.
  std::optional<std::size_t> at_or_before(std::uint64_t address, std::uint64_t slide = 0) const;

  /// True if `bytes`, which a guest holds at the same place relative to its kernel image, are the tables that
  /// this was built from (but for relative_base, which moves with the kernel).
  bool same_tables(ByteView bytes) const;
  Gva tables_start() const { return start_; }
  const Bytes& tables_bytes() const { return bytes_; }

  /// As a file of the cache holds it, and back; `malformed` for anything but what serialise() wrote. Bounded
  /// by the file's size.
  Bytes serialise() const;
  static Result<std::shared_ptr<const SymbolTable>> parse(Bytes file);

 private:
  SymbolTable() = default;
  static Result<std::shared_ptr<SymbolTable>> without_index(Bytes tables_bytes, Gva tables_start,
                                                            const KallsymsTables& rebased);
  /// First symbol whose address is not below (`above`: is above) `address`; size() if there is none.
  std::size_t first_from(std::uint64_t address, std::uint64_t slide, bool above) const;

  Bytes bytes_;
  Gva start_;
  KallsymsTables tables_;  ///< positions are offsets into bytes_
  AddressDecoder decode_;
  SymbolNames names_;
  SymbolNameIndex index_;
};

}  // namespace ringside::guest::linux
