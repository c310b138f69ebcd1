// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "tests/unit/support/btf_writer.h"
#include "tests/unit/support/fake_memory.h"
#include "tests/unit/support/kallsyms_writer.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace ringside::testing {

/// A kernel that a test builds in FakeMemory: GVA and GPA are equal, symbols and types are what the test
/// says. Fill memory, symbols and types first: a page is seen as it is when it is first read.
class FakeKernel final : public guest::linux::Kernel {
 public:
  using Gva = guest::Gva;
  static constexpr std::uint64_t kRam = std::uint64_t{64} << 20;

  /// `bits`: 64 or 32, the width of a pointer.
  explicit FakeKernel(unsigned bits = 64) : memory_(kRam), snapshot_({}, {}, memory_), space_(snapshot_, {}) {
    identity_.bits = bits;
    identity_.release = "6.1.0-fake";
    identity_.major = 6;
    identity_.minor = 1;
  }

  // --- what a test fills
  /// Room for an object, zeroed; 256 bytes aligned, so that tagged pointers work.
  Gva allocate(std::uint64_t size) {
    const Gva at = next_;
    next_ = Gva{(next_.value + std::max<std::uint64_t>(size, 1) + 255) & ~std::uint64_t{255}};
    return at;
  }
  template <class T>
  void put(Gva at, const T& value) {
    memory_.put(guest::Gpa{at.value}, value);
  }
  void put_pointer(Gva at, std::uint64_t value) {
    if (pointer_size() == 8)
      put(at, value);
    else
      put(at, static_cast<std::uint32_t>(value));
  }
  /// With its NUL.
  void put_string(Gva at, std::string_view text) {
    memory_.write(guest::Gpa{at.value}, as_bytes(text));
    put(at + text.size(), '\0');
  }
  /// Links `nodes` into the circular list of `head`.
  void put_list(Gva head, std::span<const Gva> nodes) {
    Gva before = head;
    for (const Gva node : nodes) {
      put_pointer(before, node.value);
      put_pointer(node + pointer_size(), before.value);
      before = node;
    }
    put_pointer(before, head.value);
    put_pointer(head + pointer_size(), before.value);
  }
  FakeMemory& memory() { return memory_; }
  guest::linux::KernelIdentity& mutable_identity() { return identity_; }

  void define(const std::string& name, Gva address, char type = 'D') {
    symbols_[name] = address;
    entries_.push_back({address.value, type, name, false});
    table_.reset();
  }
  /// Room for a variable of that name.
  Gva define_variable(const std::string& name, std::uint64_t size) {
    const Gva at = allocate(size);
    define(name, at);
    return at;
  }

  /// BTF in the making; it is read at the first question about types.
  BtfWriter& btf_writer() { return writer_; }
  /// The BTF itself, made elsewhere.
  void set_btf(std::shared_ptr<const guest::linux::Btf> btf) { btf_ = std::move(btf); }
  /// As on a kernel without BTF: `types` is what could be recovered, nullptr nothing.
  void set_recovered_types(const guest::linux::Types* types) {
    has_btf_ = false;
    recovered_ = types;
  }
  void set_per_cpu_offsets(std::vector<std::uint64_t> offsets) { per_cpu_offsets_ = std::move(offsets); }

  // --- Kernel
  guest::Snapshot& snapshot() override { return snapshot_; }
  guest::AddressSpace& space() override { return space_; }
  const guest::linux::KernelIdentity& identity() const override { return identity_; }
  const std::vector<std::string>& explanation() const override { return explanation_; }
  const guest::linux::SymbolTable& symbols() const override {
    if (!table_) build_table();
    return *table_;
  }
  std::uint64_t slide() const override { return 0; }
  Result<Gva> symbol(std::string_view name) override {
    const auto found = symbols_.find(name);
    if (found == symbols_.end())
      return fail(Errc::not_found, "this kernel has no symbol " + std::string(name));
    return found->second;
  }
  Result<const guest::linux::Types*> types() override {
    if (!has_btf_) {
      if (recovered_ == nullptr) return fail(Errc::unavailable, "this kernel holds no type information");
      return recovered_;
    }
    RINGSIDE_CHECK(btf());
    return btf_.get();
  }
  Result<std::shared_ptr<const guest::linux::Btf>> btf() override {
    if (!has_btf_) return fail(Errc::unavailable, "this kernel holds no type information");
    if (!btf_) {
      RINGSIDE_TRY(btf_, guest::linux::Btf::parse(writer_.finish(), pointer_size()));
    }
    return btf_;
  }
  Result<std::vector<std::uint64_t>> per_cpu_offsets() override { return per_cpu_offsets_; }
  void hold_tables() override {}

 protected:
  std::shared_ptr<void>& memo_slot(const void* key) override { return memos_[key]; }

 private:
  void build_table() const {
    using Writer = KallsymsWriter;
    auto entries = entries_;
    if (entries.empty()) entries.push_back({0x1000, 'T', "_text", false});
    std::ranges::stable_sort(entries, {}, &Writer::Entry::address);
    const Writer writer(
        Writer::Layout::linux_6_1, pointer_size(),
        pointer_size() == 8 ? Writer::Encoding::absolute_percpu : Writer::Encoding::base_relative);
    const auto window = writer.write(entries, 0x100000, 0);
    const auto part =
        std::span(window.bytes).subspan(window.tables.first, window.tables.end - window.tables.first);
    table_ = guest::linux::SymbolTable::build(Bytes(part.begin(), part.end()),
                                              Gva{window.start + window.tables.first}, window.tables)
                 .value();
  }

  FakeMemory memory_;
  guest::Snapshot snapshot_;
  guest::AddressSpace space_;
  guest::linux::KernelIdentity identity_;
  std::vector<std::string> explanation_;
  Gva next_{0x200000};
  std::map<std::string, Gva, std::less<>> symbols_;
  std::vector<KallsymsWriter::Entry> entries_;
  mutable std::shared_ptr<const guest::linux::SymbolTable> table_;
  BtfWriter writer_;
  std::shared_ptr<const guest::linux::Btf> btf_;
  bool has_btf_ = true;
  const guest::linux::Types* recovered_ = nullptr;
  std::vector<std::uint64_t> per_cpu_offsets_{0};
  std::unordered_map<const void*, std::shared_ptr<void>> memos_;
};

}  // namespace ringside::testing
