// SPDX-License-Identifier: Apache-2.0
#include "policies/tables/portability.h"

namespace ringside::policies {

namespace {

using enum Portability;

/// The IDT and what Linux puts into it stand in the image (arch/x86/kernel/idt.c); all is set before init
/// runs, by the features of the CPU and by the hypervisor that it sees.
const PortableTable kIdt = {.key = {{"vcpu", constant}, {"vector", constant}},
                            .columns = {{"present", constant},
                                        {"type", constant},
                                        {"dpl", constant},
                                        {"selector", constant},
                                        {"ist", constant},
                                        {"handler", code},
                                        {"kernel", constant}},
                            .same_rows = true,
                            .of_machine = true};

/// Bases and limits are those of per-CPU areas, whose place is random, and of the CPU's number and node.
const PortableTable kGdt = {.key = {{"vcpu", constant}, {"entry", constant}},
                            .columns = {{"selector", constant},
                                        {"bits", constant},
                                        {"type", constant},
                                        {"present", constant},
                                        {"dpl", constant},
                                        {"writable", constant},
                                        {"conforming", constant},
                                        {"long_code", constant},
                                        {"big", constant},
                                        {"gate_selector", constant},
                                        {"gate_offset", code}},
                            .same_rows = true,
                            .of_machine = true};

/// Which vCPUs had started belongs to the boot.
const PortableTable kVcpus = {.key = {{"vcpu", constant}},
                              .columns = {{"paging", constant},
                                          {"long_mode", constant},
                                          {"pg", constant},
                                          {"wp", constant},
                                          {"smep", constant},
                                          {"smap", constant},
                                          {"umip", constant},
                                          {"fsgsbase", constant},
                                          {"nxe", constant},
                                          {"la57", constant},
                                          {"cet", constant},
                                          {"kernel_half", constant}},
                              .of_machine = true};

/// SYSENTER_ESP is a stack of the CPU, whose place is random.
const PortableTable kMsrs = {.key = {{"vcpu", constant}, {"name", constant}},
                             .columns = {{"msr", constant}},
                             .decides = "name",
                             .by_row = {{"STAR", {{"value", constant}}},
                                        {"LSTAR", {{"value", code}}},
                                        {"CSTAR", {{"value", code}}},
                                        {"SFMASK", {{"value", constant}}},
                                        {"SYSENTER_CS", {{"value", constant}}},
                                        {"SYSENTER_EIP", {{"value", code}}}},
                             .of_machine = true};

/// The GDT stands in a per-CPU area. The IDT stands in the image, or at a place that is part of the layout of
/// memory (BootRecord has both).
const PortableTable kRegisters = {.key = {{"vcpu", constant}, {"name", constant}},
                                  .columns = {{"family", constant}},
                                  .decides = "name",
                                  .by_row = {{"gdtr.limit", {{"value", constant}}},
                                             {"idtr.base", {{"value", code}}},
                                             {"idtr.limit", {{"value", constant}}}},
                                  .of_machine = true};

const PortableTable kSyscalls = {.key = {{"abi", constant}, {"nr", constant}},
                                 .columns = {{"entry", code}, {"handler", code}, {"expected", code}},
                                 .same_rows = true};

/// What only goes one way while the kernel runs begins anew with it.
const PortableTable kSettings = {.key = {{"name", constant}},
                                 .columns = {{"normal", constant}, {"way", constant}, {"final", constant}},
                                 .decides = "way",
                                 .by_row = {{"any", {{"value", constant}, {"number", constant}}}},
                                 .set_by_start_up = true};

/// An image is position-independent; what is patched in it at boot hangs on the CPU.
const PortableTable kVdsoImages = {.key = {{"gva", code}},
                                   .columns = {{"data", code}, {"size", constant}, {"sha256", constant}},
                                   .same_rows = true,
                                   .of_machine = true};

}  // namespace

Portability PortableTable::of(std::string_view column, std::string_view decider) const {
  for (const auto* all : {&key, &columns})
    if (const auto found = all->find(column); found != all->end()) return found->second;
  const auto row = by_row.find(decider);
  if (row == by_row.end()) return boot;
  const auto found = row->second.find(column);
  return found == row->second.end() ? boot : found->second;
}

const std::map<std::string_view, PortableTable>& portable_tables() {
  // Not among them: `guest` (QEMU's account of the machine), `tss` (stacks of the boot), `proc_entries` (a
  // file of a module has the place of another one's at another boot, and nothing tells to whom it belongs).
  static const std::map<std::string_view, PortableTable> all = {{"gdt", kGdt},
                                                                {"idt", kIdt},
                                                                {"kernel_settings", kSettings},
                                                                {"msrs", kMsrs},
                                                                {"registers", kRegisters},
                                                                {"syscalls", kSyscalls},
                                                                {"vcpus", kVcpus},
                                                                {"vdso_images", kVdsoImages}};
  return all;
}

const PortableTable* portable_table(std::string_view name) {
  const auto found = portable_tables().find(name);
  return found == portable_tables().end() ? nullptr : &found->second;
}

}  // namespace ringside::policies
