// SPDX-License-Identifier: Apache-2.0
#include "agent/policy_test/patched_snapshot.h"

#include "agent/policy_test/patch_query.h"
#include "agent/symbol_argument.h"
#include "guest/linux/kernel.h"
#include "guest/x86/paging_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>

namespace ringside::agent {

using guest::Gpa;
using guest::Gva;
using guest::x86::CpuState;

namespace {

/// The pages of a snapshot, some of them others.
class PatchedMemory final : public guest::memory::PhysicalMemory {
 public:
  explicit PatchedMemory(std::unique_ptr<guest::Snapshot> base) : base_(std::move(base)) {}

  guest::Snapshot& base() { return *base_; }
  Result<void> write(Gpa gpa, ByteView bytes) {
    while (!bytes.empty()) {
      const Gpa page = guest::page_of(gpa);
      const auto offset = static_cast<std::size_t>(gpa - page);
      const std::size_t here = std::min(bytes.size(), guest::kPageSize - offset);
      auto& patched = pages_[page.value];
      if (patched == nullptr) {
        RINGSIDE_TRY(const auto original, base_->page(page));
        patched = std::make_unique<guest::Snapshot::Page>();
        std::memcpy(patched->data(), original.data(), guest::kPageSize);
      }
      std::memcpy(patched->data() + offset, bytes.data(), here);
      bytes = bytes.subspan(here);
      gpa = gpa + here;
    }
    return {};
  }

  const guest::memory::MemoryMap& map() const override { return base_->map(); }
  std::string_view backend() const override { return "snapshot"; }
  bool stops_guest() const override { return false; }

 protected:
  void read_pieces(std::span<Piece> pieces) override {
    for (Piece& piece : pieces)
      if (auto read = read_piece(piece); !read) piece.error = std::move(read).error();
  }

 private:
  Result<void> read_piece(Piece& piece) {
    auto into = piece.into;
    for (Gpa gpa = piece.gpa; !into.empty();) {
      const Gpa page = guest::page_of(gpa);
      const auto offset = static_cast<std::size_t>(gpa - page);
      const std::size_t here = std::min(into.size(), guest::kPageSize - offset);
      if (const auto patched = pages_.find(page.value); patched != pages_.end() && patched->second)
        std::memcpy(into.data(), patched->second->data() + offset, here);
      else
        RINGSIDE_CHECK(base_->read(gpa, into.first(here)));
      into = into.subspan(here);
      gpa = gpa + here;
    }
    return {};
  }

  std::unique_ptr<guest::Snapshot> base_;
  std::map<std::uint64_t, std::unique_ptr<guest::Snapshot::Page>> pages_;
};

/// Where a register is; nullptr: it is not known in this snapshot.
using Find = std::uint64_t* (*)(CpuState&);

const std::map<std::string, Find>& registers() {
  static const auto msr = [](CpuState& cpu) { return cpu.msrs ? &*cpu.msrs : nullptr; };
  static const std::map<std::string, Find> all = {
      {"cr0", [](CpuState& cpu) { return &cpu.cr0; }},
      {"cr3", [](CpuState& cpu) { return &cpu.cr3; }},
      {"cr4", [](CpuState& cpu) { return &cpu.cr4; }},
      {"efer", [](CpuState& cpu) { return &cpu.efer; }},
      {"dr0", [](CpuState& cpu) { return &cpu.dr[0]; }},
      {"dr1", [](CpuState& cpu) { return &cpu.dr[1]; }},
      {"dr2", [](CpuState& cpu) { return &cpu.dr[2]; }},
      {"dr3", [](CpuState& cpu) { return &cpu.dr[3]; }},
      {"dr7", [](CpuState& cpu) { return &cpu.dr[7]; }},
      {"idt_base", [](CpuState& cpu) { return &cpu.idt.base.value; }},
      {"gdt_base", [](CpuState& cpu) { return &cpu.gdt.base.value; }},
      {"star", [](CpuState& cpu) { return msr(cpu) ? &msr(cpu)->star : nullptr; }},
      {"lstar", [](CpuState& cpu) { return msr(cpu) ? &msr(cpu)->lstar : nullptr; }},
      {"cstar", [](CpuState& cpu) { return msr(cpu) ? &msr(cpu)->cstar : nullptr; }},
      {"sfmask", [](CpuState& cpu) { return msr(cpu) ? &msr(cpu)->sfmask : nullptr; }},
      {"sysenter_cs", [](CpuState& cpu) { return msr(cpu) ? &msr(cpu)->sysenter_cs : nullptr; }},
      {"sysenter_esp", [](CpuState& cpu) { return msr(cpu) ? &msr(cpu)->sysenter_esp : nullptr; }},
      {"sysenter_eip", [](CpuState& cpu) { return msr(cpu) ? &msr(cpu)->sysenter_eip : nullptr; }},
  };
  return all;
}

class Patcher {
 public:
  explicit Patcher(std::unique_ptr<guest::Snapshot> base)
      : memory_(std::make_unique<PatchedMemory>(std::move(base))),
        cpus_(memory_->base().kept_cpus()),
        queries_(memory_->base(), pointer_size()) {}

  Result<void> apply(const TestPatch& patch) {
    const auto done = std::visit([&](const auto& what) { return apply_one(what); }, patch.what);
    if (!done) return fail(done.error().within(fmt::format("the patch in line {}", patch.line)));
    return {};
  }
  std::unique_ptr<guest::Snapshot> finish() {
    guest::GuestInfo info = memory_->base().info();
    return guest::Snapshot::owned(std::move(info), std::move(cpus_), std::move(memory_));
  }

 private:
  Result<std::uint64_t> address(const std::string& text) {
    if (const auto number = parse_number(text)) return *number;
    if (is_patch_query(text)) return queries_.number(text);
    RINGSIDE_TRY(guest::linux::Kernel* const kernel, guest::linux::Kernel::of(memory_->base()));
    RINGSIDE_TRY(const Gva gva, symbol_address(*kernel, text));
    return gva.value;
  }
  Result<Gpa> physical(Gva gva) {
    guest::Snapshot& base = memory_->base();
    if (const auto kernel = guest::linux::Kernel::of(base)) return (*kernel)->space().translate(gva);
    if (base.kept_cpus().empty()) return fail(Errc::unavailable, "the snapshot has no vCPU");
    return guest::AddressSpace(base, guest::x86::PagingRoot::of(base.kept_cpus()[0])).translate(gva);
  }
  Result<Bytes> bytes_of(const TestPatch::Memory& patch) {
    if (patch.pointer.empty()) return from_hex(patch.bytes).value_or(Bytes());
    RINGSIDE_TRY(const std::uint64_t value, address(patch.pointer));
    Bytes bytes(pointer_size());
    std::memcpy(bytes.data(), &value, bytes.size());
    return bytes;
  }
  std::size_t pointer_size() {
    const auto kernel = guest::linux::Kernel::of(memory_->base());
    return kernel ? (*kernel)->pointer_size() : 8;
  }
  Result<void> write(Gva first, ByteView bytes) {
    while (!bytes.empty()) {
      const std::size_t here =
          std::min<std::size_t>(bytes.size(), guest::kPageSize - first.value % guest::kPageSize);
      RINGSIDE_TRY(const Gpa gpa, physical(first));
      RINGSIDE_CHECK(memory_->write(gpa, bytes.first(here)));
      bytes = bytes.subspan(here);
      first = first + here;
    }
    return {};
  }
  Result<void> apply_one(const TestPatch::Memory& patch) {
    RINGSIDE_TRY(const Bytes bytes, bytes_of(patch));
    if (patch.gpa) return memory_->write(Gpa{*patch.gpa}, bytes);
    RINGSIDE_TRY(const std::uint64_t first, address(patch.gva));
    return write(Gva{first}, bytes);
  }
  Result<void> apply_one(const TestPatch::Query& patch) {
    RINGSIDE_TRY(const auto writes, queries_.writes(patch.sql));
    for (const auto& one : writes) RINGSIDE_CHECK(write(one.gva, one.bytes));
    return {};
  }
  Result<void> apply_one(const TestPatch::Mapping& patch) {
    RINGSIDE_TRY(const std::uint64_t gva, address(patch.gva));
    RINGSIDE_TRY(guest::linux::Kernel* const kernel, guest::linux::Kernel::of(memory_->base()));
    guest::x86::PagingRoot root = kernel->space().tables().root();
    if (!patch.tables.empty()) {
      RINGSIDE_TRY(const std::uint64_t table, address(patch.tables));
      RINGSIDE_TRY(root.table, physical(Gva{table}));
    }
    const auto walk = guest::x86::PageTables(memory_->base(), root).translate(Gva{gva});
    if (!walk) return fail(walk.error().error);
    const auto& last = walk->steps.at(walk->step_count - 1);
    std::uint64_t entry = (last.entry | patch.set) & ~patch.clear;
    if (!patch.frame.empty()) {
      if (last.level != 1)
        return fail(Errc::unsupported,
                    "`frame` is for pages of 4 KiB, and " + hex_address(gva) + " is mapped by a larger one");
      RINGSIDE_TRY(const std::uint64_t frame, address(patch.frame));
      RINGSIDE_TRY(const Gpa gpa, physical(Gva{frame}));
      entry = (entry & ~guest::x86::pte::kAddress) | guest::page_of(gpa).value;
    }
    Bytes bytes(guest::x86::PagingFormat::of(root.mode).entry_size);
    std::memcpy(bytes.data(), &entry, bytes.size());
    return memory_->write(last.entry_gpa, bytes);
  }
  Result<void> apply_one(const TestPatch::Register& patch) {
    RINGSIDE_TRY(const std::uint64_t value, address(patch.value));
    if (patch.vcpu >= cpus_.size())
      return fail(Errc::not_found,
                  fmt::format("there is no vCPU {}: the snapshot has {}", patch.vcpu, cpus_.size()));
    std::uint64_t* place = registers().at(patch.name)(cpus_[patch.vcpu]);
    if (place == nullptr)
      return fail(Errc::unavailable, fmt::format("{} is not in the snapshot", patch.name));
    *place = value;
    return {};
  }

  std::unique_ptr<PatchedMemory> memory_;
  std::vector<CpuState> cpus_;
  PatchQueries queries_;
};

}  // namespace

std::vector<std::string> test_registers() {
  std::vector<std::string> names;
  for (const auto& [name, find] : registers()) names.push_back(name);
  return names;
}

Result<std::unique_ptr<guest::Snapshot>> patched_snapshot(std::unique_ptr<guest::Snapshot> base,
                                                          const std::vector<TestPatch>& patches) {
  if (patches.empty()) return base;
  Patcher patcher(std::move(base));
  for (const auto& patch : patches) RINGSIDE_CHECK(patcher.apply(patch));
  return patcher.finish();
}

}  // namespace ringside::agent
