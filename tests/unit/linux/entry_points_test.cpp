// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/entry_points.h"

#include "tests/unit/support/fake_kernel.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace ringside::guest::linux {
namespace {

using testing::FakeKernel;

constexpr Gva kExternal{0x400000}, kEarly{0x500000};

bool enters(const EntryPoint& point, Gva handler) {
  return std::find(point.handlers.begin(), point.handlers.end(), handler) != point.handlers.end();
}

/// The stubs of a kernel whose system vectors begin at `first`.
void define_stubs(FakeKernel& kernel, unsigned first, unsigned stub) {
  kernel.define("irq_entries_start", kExternal, 'T');
  kernel.define("spurious_entries_start", kExternal + std::uint64_t{first - 0x20} * stub, 'T');
}

TEST(EntryPoints, NamesExceptionsAndTheirHandlers) {
  FakeKernel kernel;
  kernel.define("asm_exc_page_fault", Gva{0x401000}, 'T');
  kernel.define("early_idt_handler_array", kEarly, 'T');
  const EntryPoints points(kernel);
  EXPECT_EQ(points.of(0).name, "divide_error");
  EXPECT_EQ(points.of(2).name, "nmi");
  EXPECT_EQ(points.of(14).name, "page_fault");
  EXPECT_EQ(points.of(18).name, "machine_check");
  EXPECT_EQ(points.of(29).name, "vmm_communication");
  EXPECT_EQ(points.of(22).name, "reserved");
  EXPECT_TRUE(enters(points.of(14), Gva{0x401000}));
  EXPECT_FALSE(enters(points.of(13), Gva{0x401000}));
  EXPECT_TRUE(enters(points.of(22), kEarly + 22 * 9)) << "the gate of early boot stays";
  EXPECT_TRUE(enters(points.of(18), kEarly + 18 * 9)) << "a CPU without machine checks";
  EXPECT_FALSE(enters(points.of(22), kEarly + 21 * 9));
  EXPECT_FALSE(enters(points.of(14), kEarly + 14 * 9)) << "Linux always sets this one";
}

TEST(EntryPoints, DevicesHaveAStubEachUpToTheFirstSystemVector) {
  for (const auto& [first, stub] : {std::pair{0xecu, 8u}, std::pair{0xebu, 16u}}) {
    FakeKernel kernel;
    define_stubs(kernel, first, stub);
    kernel.define("early_idt_handler_array", kEarly, 'T');
    const EntryPoints points(kernel);
    EXPECT_EQ(points.first_system_vector(), first);
    EXPECT_TRUE(enters(points.of(22), kEarly + (stub == 16 ? 22 * 13 : 22 * 9)));
    EXPECT_EQ(points.of(0x21).name, "external_interrupt");
    EXPECT_TRUE(enters(points.of(0x21), kExternal + stub));
    EXPECT_FALSE(enters(points.of(0x21), kExternal));
    EXPECT_EQ(points.of(0xf8).name, "spurious_interrupt");
    EXPECT_TRUE(enters(points.of(0xf8), kExternal + std::uint64_t{0xf8 - 0x20} * stub));
  }
}

TEST(EntryPoints, SystemVectorsAreThoseThatThisKernelHasAFunctionFor) {
  FakeKernel kernel;
  define_stubs(kernel, 0xec, 8);
  kernel.define("asm_sysvec_reboot", Gva{0x402000}, 'T');
  kernel.define("asm_sysvec_kvm_asyncpf_interrupt", Gva{0x403000}, 'T');
  kernel.define("asm_sysvec_xen_hvm_callback", Gva{0x404000}, 'T');
  const EntryPoints points(kernel);
  EXPECT_EQ(points.of(0xf8).name, "reboot");
  EXPECT_TRUE(enters(points.of(0xf8), Gva{0x402000}));
  EXPECT_EQ(points.of(0xf3).name, "hypervisor_callback");
  EXPECT_TRUE(enters(points.of(0xf3), Gva{0x403000}));
  EXPECT_TRUE(enters(points.of(0xf3), Gva{0x404000}));
  EXPECT_TRUE(enters(points.of(0xf3), kExternal + std::uint64_t{0xf3 - 0x20} * 8)) << "without a hypervisor";
  EXPECT_EQ(points.of(0x20).name, "external_interrupt") << "no clean-up vector from 6.6 on";
  EXPECT_EQ(points.of(0x80).name, "external_interrupt") << "no 32-bit system calls";
}

TEST(EntryPoints, Int80IsTheOneOfThisKernel) {
  for (const char* symbol : {"entry_INT80_compat", "asm_int80_emulation", "entry_INT80_32"}) {
    FakeKernel kernel;
    define_stubs(kernel, 0xec, 8);
    kernel.define(symbol, Gva{0x405000}, 'T');
    const EntryPoints points(kernel);
    EXPECT_EQ(points.of(0x80).name, "int80");
    EXPECT_TRUE(enters(points.of(0x80), Gva{0x405000}));
  }
}

TEST(EntryPoints, AKernelThatDoesNotTellHasNamesAndNoHandlers) {
  FakeKernel kernel(32);
  const EntryPoints points(kernel);
  EXPECT_EQ(points.first_system_vector(), 0u);
  EXPECT_EQ(points.of(8).name, "double_fault");
  for (unsigned vector = 0; vector < 256; ++vector) {
    EXPECT_FALSE(points.of(vector).name.empty());
    EXPECT_TRUE(points.of(vector).handlers.empty());
  }
}

TEST(EntryPoints, StubsThatAreTooFarApartAreNotBelieved) {
  FakeKernel kernel;
  kernel.define("irq_entries_start", kExternal, 'T');
  kernel.define("spurious_entries_start", kExternal + 0x10000, 'T');
  EXPECT_EQ(EntryPoints(kernel).first_system_vector(), 0u);
}

}  // namespace
}  // namespace ringside::guest::linux
