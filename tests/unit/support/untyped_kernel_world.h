// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/untyped_kernel.h"
#include "tests/unit/support/fake_memory.h"
#include "tests/unit/support/kallsyms_writer.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace ringside::testing {

/// A 32-bit kernel as Debian builds them, without BTF and with names of functions only, in FakeMemory:
/// two-level page tables map the first 64 MiB at 0xc0000000, the image stands at 16 MiB. Holds code, exported
/// symbols and vmcoreinfo; objects are put by whoever uses it. Addresses are 32-bit numbers.
class UntypedKernelWorld final : public guest::linux::Kernel {
 public:
  using Gva = guest::Gva;
  using Gpa = guest::Gpa;
  static constexpr std::uint32_t kDirectMap = 0xc0000000, kRam = 64u << 20;
  static constexpr std::uint32_t kText = 0xc1000000, kTextEnd = 0xc1100000, kReadOnly = kTextEnd;
  static constexpr std::uint32_t kData = 0xc1400000, kHeap = 0xc2000000, kPageDirectory = 0xc0001000;
  static constexpr unsigned kFunctions = 1200;

  UntypedKernelWorld() : memory_(kRam), snapshot_({}, {}, memory_), space_(snapshot_, root()) {
    for (std::uint32_t i = 0; i < kRam >> 22; ++i)
      put(kPageDirectory + 4 * ((kDirectMap >> 22) + i), (i << 22) | 0xe3u);  // present, writable, 4 MiB
    identity_.bits = 32;
    identity_.major = 6;
    identity_.minor = 1;
    identity_.root = root();
    identity_.image = identity_.text = {Gva{kText}, Gva{kTextEnd}};
    identity_.image_gpa = Gpa{kText - kDirectMap};
  }

  // --- building
  template <class T>
  void put(std::uint32_t at, const T& value) {
    memory_.put(Gpa{at - kDirectMap}, value);
  }
  void put_text(std::uint32_t at, std::string_view text) {
    memory_.write(Gpa{at - kDirectMap}, as_bytes(text));
    put(at + static_cast<std::uint32_t>(text.size()), '\0');
  }
  /// Links `nodes` into the list of `head`.
  void put_list(std::uint32_t head, const std::vector<std::uint32_t>& nodes) {
    std::uint32_t before = head;
    for (const std::uint32_t node : nodes) {
      put(before, node);
      put(node + 4, before);
      before = node;
    }
    put(before, head);
    put(head + 4, before);
  }
  std::uint32_t allocate(std::uint32_t size, std::uint32_t alignment = 64) {
    const std::uint32_t at = (next_heap_ + alignment - 1) & ~(alignment - 1);
    next_heap_ = at + size;
    return at;
  }
  /// Room for a variable in the image's data.
  std::uint32_t variable(std::uint32_t size) {
    const std::uint32_t at = next_data_;
    next_data_ = (at + size + 63) & ~63u;
    return at;
  }
  void export_symbol(const std::string& name, std::uint32_t at) { exported_.emplace_back(name, at); }
  /// A function of 64 bytes whose code holds `numbers`.
  void define_function(const std::string& name, const std::vector<std::uint32_t>& numbers) {
    const std::uint32_t at = next_function();
    functions_.push_back({at, 'T', name, false});
    std::uint32_t place = at + 3;
    for (const std::uint32_t number : numbers) {
      put(place, number);
      place += 7;
    }
  }

  /// Writes kallsyms and the tables of exports: `functions` more functions, every second of them exported.
  void finish(unsigned functions = kFunctions) {
    for (unsigned i = 0; i < functions; ++i) {
      const std::string name = "function_" + std::to_string(10000 + i);
      functions_.push_back({next_function(), 'T', name, false});
      if (i % 2 == 0) export_symbol(name, static_cast<std::uint32_t>(functions_.back().address));
    }
    put_exports();
    const KallsymsWriter writer(KallsymsWriter::Layout::linux_6_1, 4,
                                KallsymsWriter::Encoding::base_relative);
    const auto window = writer.write(functions_, kReadOnly + 0x200000, kText);
    const auto& tables = window.tables;
    const ByteView part = ByteView(window.bytes).subspan(tables.first, tables.end - tables.first);
    table_ = guest::linux::SymbolTable::build(Bytes(part.begin(), part.end()),
                                              Gva{window.start + tables.first}, tables)
                 .value();
  }
  guest::linux::KernelIdentity& mutable_identity() { return identity_; }
  FakeMemory& memory() { return memory_; }
  guest::linux::UntypedKernel& untyped() { return untyped_; }

  // --- Kernel
  guest::Snapshot& snapshot() override { return snapshot_; }
  guest::AddressSpace& space() override { return space_; }
  const guest::linux::KernelIdentity& identity() const override { return identity_; }
  const std::vector<std::string>& explanation() const override { return explanation_; }
  const guest::linux::SymbolTable& symbols() const override { return *table_; }
  std::uint64_t slide() const override { return 0; }
  Result<Gva> symbol(std::string_view name) override {
    if (const auto index = table_->find(name)) return Gva{table_->address(*index)};
    if (const auto found = untyped_.variable(*this, name)) return *found;
    return fail(Errc::not_found, "this kernel has no symbol " + std::string(name));
  }
  Result<const guest::linux::Types*> types() override {
    RINGSIDE_TRY(const auto found, untyped_.types(*this));
    return found.get();
  }
  Result<std::shared_ptr<const guest::linux::Btf>> btf() override {
    return fail(Errc::unavailable, "this kernel holds no type information");
  }
  Result<std::vector<std::uint64_t>> per_cpu_offsets() override { return std::vector<std::uint64_t>{0}; }
  void hold_tables() override {}

 protected:
  std::shared_ptr<void>& memo_slot(const void* key) override { return memos_[key]; }

 private:
  static guest::x86::PagingRoot root() {
    guest::x86::PagingRoot root;
    root.mode = guest::x86::PagingMode::two_level;
    root.table = Gpa{kPageDirectory - kDirectMap};
    root.pse = true;
    return root;
  }
  std::uint32_t next_function() const { return kText + static_cast<std::uint32_t>(functions_.size()) * 64; }

  void put_exports() {
    std::sort(exported_.begin(), exported_.end());
    std::uint32_t name_at = kReadOnly + 0x100000, entry = kReadOnly + 0x10000;
    for (const auto& [name, value] : exported_) {
      put(name_at, '\0');
      put_text(name_at + 1, name);
      put(entry, value - entry);
      put(entry + 4, name_at + 1 - (entry + 4));
      put(entry + 8, name_at - (entry + 8));
      name_at += static_cast<std::uint32_t>(name.size()) + 2;
      entry += 12;
    }
  }

  FakeMemory memory_;
  guest::Snapshot snapshot_;
  guest::AddressSpace space_;
  guest::linux::KernelIdentity identity_;
  std::vector<std::string> explanation_;
  std::vector<KallsymsWriter::Entry> functions_;
  std::vector<std::pair<std::string, std::uint32_t>> exported_;
  std::uint32_t next_heap_ = kHeap, next_data_ = kData;
  std::shared_ptr<const guest::linux::SymbolTable> table_;
  guest::linux::UntypedKernel untyped_;
  std::unordered_map<const void*, std::shared_ptr<void>> memos_;
};

}  // namespace ringside::testing
