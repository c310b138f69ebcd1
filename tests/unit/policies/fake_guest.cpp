// SPDX-License-Identifier: Apache-2.0
#include "fake_guest.h"

#include <gtest/gtest.h>

namespace ringside::policies::testing {

namespace {

using guest::Gpa;
using guest::Gva;
using x86::PagingMode;

constexpr std::uint64_t kIdt64 = 0xfffffe0000000000, kIdt32 = 0xff400000;
constexpr std::uint64_t kText64 = 0xffffffff81000000, kText32 = 0xc1000000;

}  // namespace

FakeGuest::FakeGuest(unsigned vcpus, PagingMode mode) : mode_(mode) {
  info.target = "fake";
  info.name = "lab";
  info.qemu_version = "7.2.22";
  info.accelerator = "tcg";
  info.status = "running";
  info.backend = "fake";
  info.taken = std::chrono::sys_days{std::chrono::year{2024} / 5 / 6} + std::chrono::milliseconds(1500);
  text_ = long_mode() ? kText64 : kText32;
  root_ = new_page();
  const std::uint64_t base = long_mode() ? kIdt64 : kIdt32;
  map(root_, base, kIdtGpa, kNoExecute);
  for (unsigned n = 0; n < 16; ++n) map(root_, text_ + n * 0x1000, 0x400000 + n * 0x1000, 0);
  for (unsigned n = 0; n < 4; ++n)
    map(root_, text_ + 0x100000 + n * 0x1000, 0x500000 + n * 0x1000, kWritable | kNoExecute);
  map(root_, 0x400000, 0x600000, kUser);
  map(root_, 0x500000, 0x601000, kUser | kWritable | kNoExecute);
  fill_idt();
  for (unsigned vcpu = 0; vcpu < vcpus; ++vcpu) add_cpu(vcpu);
}

std::unique_ptr<guest::Snapshot> FakeGuest::snapshot() {
  return std::make_unique<guest::Snapshot>(info, cpus, memory);
}

std::uint64_t FakeGuest::new_page() {
  const std::uint64_t page = next_page_;
  next_page_ += 0x1000;
  return page;
}

void FakeGuest::map(std::uint64_t table, std::uint64_t gva, std::uint64_t gpa, std::uint64_t rights) {
  struct Level {
    unsigned shift, bits;
  };
  std::vector<Level> levels = {{39, 9}, {30, 9}, {21, 9}, {12, 9}};
  if (mode_ == PagingMode::pae) levels = {{30, 2}, {21, 9}, {12, 9}};
  if (mode_ == PagingMode::two_level) levels = {{22, 10}, {12, 10}};
  const std::uint64_t width = mode_ == PagingMode::two_level ? 4 : 8;
  if (width == 4) rights &= ~kNoExecute;
  for (std::size_t i = 0; i < levels.size(); ++i) {
    const std::uint64_t index = (gva >> levels[i].shift) & ((1u << levels[i].bits) - 1);
    const Gpa at{table + index * width};
    const auto put = [&](std::uint64_t entry) {
      width == 8 ? memory.put(at, entry) : memory.put(at, static_cast<std::uint32_t>(entry));
    };
    if (i + 1 == levels.size()) return put(gpa | 1 | rights);
    std::uint64_t entry = 0;
    EXPECT_TRUE(memory.read(at, std::as_writable_bytes(std::span(&entry, 1)).first(width)));
    if ((entry & 1) == 0) {
      // Upper levels allow everything; in PAE, the bits of a PDPT entry are reserved.
      entry = new_page() | 1 | (mode_ == PagingMode::pae && i == 0 ? 0 : kWritable | kUser);
      put(entry);
    }
    table = entry & 0x000ffffffffff000;
  }
}

std::uint64_t FakeGuest::new_root() {
  const std::uint64_t root = new_page();
  std::array<std::byte, guest::kPageSize> page;
  EXPECT_TRUE(memory.read(Gpa{root_}, page));
  const std::size_t kernel = mode_ == PagingMode::pae ? 24 : mode_ == PagingMode::two_level ? 3072 : 2048;
  memory.write(Gpa{root + kernel}, ByteView(page).subspan(kernel));
  return root;
}

void FakeGuest::set_gate(unsigned vector, std::uint64_t handler, unsigned dpl, unsigned type) {
  const std::uint64_t selector = long_mode() ? 0x10 : 0x60;
  const std::uint64_t low = (handler & 0xffff) | selector << 16 |
                            (std::uint64_t{0x80} | std::uint64_t{dpl} << 5 | type) << 40 |
                            ((handler >> 16) & 0xffff) << 48;
  const std::uint64_t at = kIdtGpa + vector * (long_mode() ? 16 : 8);
  memory.put(Gpa{at}, low);
  if (long_mode()) memory.put(Gpa{at + 8}, handler >> 32);
}

void FakeGuest::fill_idt() {
  for (unsigned vector = 0; vector < 256; ++vector)
    set_gate(vector, text_ + 0x100 + vector * 16, vector == 3 || vector == 4 ? 3 : 0);
  if (!long_mode()) set_gate(128, text_ + 0x2000, 3);
}

void FakeGuest::set_descriptor(unsigned vcpu, unsigned entry, std::uint64_t value) {
  memory.put(Gpa{gdt_gpa(vcpu) + entry * 8}, value);
}

void FakeGuest::add_cpu(unsigned vcpu) {
  const std::uint64_t base = (long_mode() ? kIdt64 : kIdt32) + 0x1000 + vcpu * 0x2000, tss = base + 0x1000;
  map(root_, base, gdt_gpa(vcpu), kNoExecute);
  map(root_, tss, gdt_gpa(vcpu) + 0x1000, kNoExecute);
  const std::uint64_t tss_low =
      0x0000890000000000 | 0x67 | (tss & 0xffffff) << 16 | ((tss >> 24) & 0xff) << 56;
  x86::CpuState cpu;
  cpu.index = vcpu;
  cpu.cr0 = 0x80050033;
  cpu.cr3 = root_;
  cpu.halted = vcpu != 0;
  cpu.gdt = {Gva{base}, long_mode() ? 0x7fu : 0xffu};
  cpu.idt = {Gva{long_mode() ? kIdt64 : kIdt32}, long_mode() ? 0xfffu : 0x7ffu};
  cpu.tr.base = tss;
  cpu.tr.limit = 0x67;
  cpu.tr.flags = 0x8b00;  // present, busy 32- or 64-bit TSS
  cpu.msrs = x86::Msrs{};
  if (long_mode()) {
    cpu.cr4 = x86::cr4::kPae | x86::cr4::kPge | x86::cr4::kUmip | x86::cr4::kSmep | x86::cr4::kSmap;
    cpu.efer = 0xd01;
    cpu.tr.selector = 0x40;
    cpu.msrs = x86::Msrs{.star = 0x0023001000000000,
                         .lstar = text_ + 0x3000,
                         .cstar = text_ + 0x3100,
                         .sfmask = 0x257fd5,
                         .sysenter_cs = 0x10,
                         .sysenter_esp = tss,
                         .sysenter_eip = text_ + 0x3200,
                         .kernel_gs_base = 0x1000u + vcpu};
    // Linux arch/x86/kernel/cpu/common.c, gdt_page.
    const std::uint64_t flat[] = {0x00cf9b000000ffff, 0x00af9b000000ffff, 0x00cf93000000ffff,
                                  0x00cffb000000ffff, 0x00cff3000000ffff, 0x00affb000000ffff};
    for (unsigned i = 0; i < 6; ++i) set_descriptor(vcpu, i + 1, flat[i]);
    set_descriptor(vcpu, 8, tss_low | 0x0000020000000000);  // busy
    set_descriptor(vcpu, 9, tss >> 32);
    set_descriptor(vcpu, 15, 0x0040f50000000000 | vcpu);
    memory.put(Gpa{gdt_gpa(vcpu) + 0x1000 + 4}, tss);            // RSP0
    memory.put(Gpa{gdt_gpa(vcpu) + 0x1000 + 36}, tss + 0x9000);  // IST1
  } else {
    cpu.cr4 = x86::cr4::kPse | x86::cr4::kPge | (mode_ == PagingMode::pae ? x86::cr4::kPae : 0);
    cpu.efer = mode_ == PagingMode::pae ? x86::efer::kNxe : 0;
    cpu.tr.selector = 0x80;
    cpu.msrs->sysenter_cs = 0x60;
    cpu.msrs->sysenter_esp = tss;
    cpu.msrs->sysenter_eip = text_ + 0x3200;
    set_descriptor(vcpu, 12, 0x00cf9a000000ffff);
    set_descriptor(vcpu, 13, 0x00cf93000000ffff);
    set_descriptor(vcpu, 14, 0x00cffa000000ffff);
    set_descriptor(vcpu, 15, 0x00cff3000000ffff);
    set_descriptor(vcpu, 16, tss_low);
  }
  cpus.push_back(cpu);
}

void FakeGuest::move_kernel(std::uint64_t slide) {
  text_ += slide;
  fill_idt();
  for (auto& cpu : cpus) {
    if (long_mode()) cpu.msrs->lstar += slide;
    if (long_mode()) cpu.msrs->cstar += slide;
    cpu.msrs->sysenter_eip += slide;
  }
}

void FakeGuest::unstart(unsigned vcpu) {
  x86::CpuState cpu;
  cpu.index = vcpu;
  cpu.cr0 = 0x60000010;  // after INIT (SDM vol. 3A, table 10-1)
  cpu.rip = 0xfff0;
  cpu.halted = true;
  cpu.gdt.limit = cpu.idt.limit = 0xffff;
  cpu.msrs = x86::Msrs{};
  cpus[vcpu] = cpu;
}

QueryResult ask(guest::Snapshot& snapshot, std::string_view sql) {
  auto database = Database::create();
  EXPECT_TRUE(database) << database.error().message;
  (*database)->bind(&snapshot);
  auto result = (*database)->query(sql);
  EXPECT_TRUE(result) << sql << ": " << (result ? "" : result.error().message);
  return result ? *result : QueryResult{};
}

std::int64_t ask_number(guest::Snapshot& snapshot, std::string_view sql) {
  const auto result = ask(snapshot, sql);
  if (result.rows.empty() || !std::holds_alternative<std::int64_t>(result.rows[0].at(0))) {
    ADD_FAILURE() << sql << ": no number";
    return -1;
  }
  return std::get<std::int64_t>(result.rows[0][0]);
}

}  // namespace ringside::policies::testing
