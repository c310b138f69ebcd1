// SPDX-License-Identifier: Apache-2.0
#include "agent/inspection.h"

#include "agent/output/format.h"
#include "agent/output/text_table.h"
#include "agent/verbs/support.h"
#include "guest/linux/command_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>

namespace ringside::agent {

namespace x86 = guest::x86;
using guest::live::MsrSource;

std::vector<Protection> protections(const x86::CpuState& cpu) {
  return {{"WP", (cpu.cr0 & x86::cr0::kWp) != 0},
          {"SMEP", (cpu.cr4 & x86::cr4::kSmep) != 0},
          {"SMAP", (cpu.cr4 & x86::cr4::kSmap) != 0},
          {"UMIP", (cpu.cr4 & x86::cr4::kUmip) != 0},
          {"NXE", (cpu.efer & x86::efer::kNxe) != 0}};
}

namespace {

bool all_have_msrs(const std::vector<x86::CpuState>& cpus) {
  return std::all_of(cpus.begin(), cpus.end(), [](const auto& cpu) { return cpu.msrs.has_value(); });
}

/// How the MSRs were had, by what QEMU's events said meanwhile.
std::string msrs_words(bool live, MsrSource msrs, unsigned stops) {
  if (!live) return "from the snapshot file";
  if (msrs == MsrSource::none) return "not read (--msrs none)";
  if (stops > 0) return "from the device state (xen-save-devices-state); the guest was stopped for it";
  return msrs == MsrSource::vmstate ? "from the device state (xen-save-devices-state)"
                                    : "out of QEMU's own CPU state, without stopping the guest";
}

void look_for_kernel(guest::Snapshot& snapshot, Inspection& inspection) {
  const auto before = std::chrono::steady_clock::now();
  const auto kernel = guest::linux::Kernel::of(snapshot);
  inspection.kernel_found_in =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - before);
  if (!kernel) {
    inspection.no_kernel = kernel.error().message;
    return;
  }
  inspection.kernel = (*kernel)->identity();
  inspection.kernel_explained = (*kernel)->explanation();
  inspection.command_line = guest::linux::command_line(**kernel);
}

}  // namespace

Attempt<Inspection> look_at(Session& session, MsrSource msrs) {
  Inspection inspection;
  std::atomic<unsigned> stops{0};
  qmp::Subscription subscription;
  if (session.live() != nullptr)
    subscription = session.live()->monitor().subscribe([&stops](const qmp::Event& event) {
      if (event.kind == qmp::EventKind::stop) ++stops;
    });
  RINGSIDE_TRY(guest::Snapshot * snapshot, session.snapshot(msrs));
  subscription.reset();
  inspection.msrs_from = msrs_words(session.live() != nullptr, msrs, stops);
  inspection.info = snapshot->info();
  inspection.live = session.live() != nullptr;
  if (inspection.live) inspection.backend_notes = session.live()->backend_notes();
  inspection.ranges = snapshot->map().ranges();
  inspection.cpus = snapshot->cpus(guest::RegisterGroups::none);
  inspection.msrs_missing = msrs != MsrSource::none && !all_have_msrs(inspection.cpus);
  look_for_kernel(*snapshot, inspection);
  return inspection;
}

namespace {

std::string memory_line(const std::vector<guest::memory::MemoryRange>& ranges) {
  std::uint64_t ram = 0, rom = 0, holes = 0;
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    (ranges[i].kind == guest::memory::MemoryRange::Kind::ram ? ram : rom) += ranges[i].size;
    if (i > 0 && ranges[i].start > ranges[i - 1].end()) ++holes;
  }
  return fmt::format("{} RAM, {} ROM in {}, {}", human_size(ram), human_size(rom),
                     counted(ranges.size(), "range"), counted(holes, "hole"));
}

std::string render_ranges(const std::vector<guest::memory::MemoryRange>& ranges, const Style& style) {
  TextTable table({{"FIRST"}, {"LAST"}, {"SIZE", TextTable::Align::right}, {"KIND"}, {"BLOCK"}});
  for (const auto& range : ranges)
    table.add({guest::to_string(range.start), hex_address(range.end().value - 1), human_size(range.size),
               range.kind == guest::memory::MemoryRange::Kind::ram ? "ram" : "rom", printable(range.block)});
  return table.render(style, 2);
}

std::string render_kernel(const Inspection& inspection, const Style& style, bool explain) {
  FactList facts;
  if (!inspection.kernel) {
    facts.add("kernel", style.yellow("unknown") + ": " + printable(inspection.no_kernel));
    return facts.render(style);
  }
  const auto& kernel = *inspection.kernel;
  facts.add("kernel", "Linux " + printable(kernel.release));
  facts.add("banner", printable(kernel.banner));
  facts.add("command line", inspection.command_line ? printable(*inspection.command_line)
                                                    : style.yellow("unknown") + ": " +
                                                          printable(inspection.command_line.error().message));
  facts.add("build id", kernel.build_id.empty() ? "(none)" : kernel.build_id);
  facts.add("image", fmt::format("{} to {}, GPA {}", guest::to_string(kernel.image.first),
                                 guest::to_string(kernel.image.end), guest::to_string(kernel.image_gpa)));
  facts.add("KASLR", kernel.slide == 0 ? "not moved" : fmt::format("moved by 0x{:x}", kernel.slide));
  facts.add("page tables",
            fmt::format("GPA {} ({})", guest::to_string(kernel.root.table), printable(kernel.root_from)));
  if (explain) {
    facts.add("found in",
              fmt::format("{:.1f} ms", static_cast<double>(inspection.kernel_found_in.count()) / 1000));
    for (const auto& step : inspection.kernel_explained) facts.add("", printable(step));
  }
  return facts.render(style);
}

std::string render_vcpu(const x86::CpuState& cpu, const Style& style) {
  FactList facts;
  facts.add("paging",
            fmt::format("{}{}", to_string(cpu.paging_mode()), cpu.long_mode() ? ", long mode" : ""));
  facts.add("CR3", hex_address(cpu.cr3));
  facts.add("IDTR", fmt::format("{} limit 0x{:x}", guest::to_string(cpu.idt.base), cpu.idt.limit));
  facts.add("GDTR", fmt::format("{} limit 0x{:x}", guest::to_string(cpu.gdt.base), cpu.gdt.limit));
  std::string bits;
  for (const auto& [name, on] : protections(cpu)) {
    if (!bits.empty()) bits += "  ";
    bits += on ? style.green(fmt::format("{} on", name)) : style.yellow(fmt::format("{} off", name));
  }
  facts.add("protections", bits);
  if (cpu.msrs) {
    facts.add("LSTAR", hex_address(cpu.msrs->lstar));
    facts.add("CSTAR", hex_address(cpu.msrs->cstar));
    facts.add("SYSENTER_EIP", hex_address(cpu.msrs->sysenter_eip));
  } else {
    facts.add("MSRs",
              style.yellow("unknown") + (cpu.msrs_unknown.empty() ? "" : ": " + printable(cpu.msrs_unknown)));
  }
  return facts.render(style, 2);
}

}  // namespace

std::string render(const Inspection& inspection, const Style& style, bool explain) {
  const auto& info = inspection.info;
  FactList facts;
  facts.add("guest", info.name.empty() ? "(no name)" : printable(info.name));
  facts.add("UUID", info.uuid.empty() ? "(none)" : printable(info.uuid));
  facts.add("QEMU", printable(info.qemu_version));
  facts.add("accelerator", printable(info.accelerator));
  facts.add("status", printable(info.status));
  facts.add("taken", rfc3339(info.taken));
  facts.add("vCPUs", std::to_string(inspection.cpus.size()));
  facts.add("memory", memory_line(inspection.ranges));
  facts.add("read through", info.backend);
  if (explain)
    for (const auto& note : inspection.backend_notes) facts.add("", printable(note));
  facts.add("MSRs", inspection.msrs_from);
  std::string out = facts.render(style);
  out += "\n" + render_kernel(inspection, style, explain);
  out += "\n" + render_ranges(inspection.ranges, style);
  for (const auto& cpu : inspection.cpus)
    out += fmt::format("\n{}{}\n", style.bold(fmt::format("vCPU {}", cpu.index)),
                       cpu.halted ? " (halted)" : "") +
           render_vcpu(cpu, style);
  return out;
}

Json to_json(const Inspection& inspection) {
  Json ranges = Json::array();
  for (const auto& range : inspection.ranges)
    ranges.push_back({{"gpa", json_address(range.start.value)},
                      {"size", range.size},
                      {"kind", range.kind == guest::memory::MemoryRange::Kind::ram ? "ram" : "rom"},
                      {"block", range.block}});
  Json cpus = Json::array();
  for (const auto& cpu : inspection.cpus) {
    Json bits = Json::object();
    for (const auto& [name, on] : protections(cpu)) bits[std::string(name)] = on;
    Json one{{"vcpu", cpu.index},
             {"halted", cpu.halted},
             {"paging", to_string(cpu.paging_mode())},
             {"long_mode", cpu.long_mode()},
             {"cr3", json_address(cpu.cr3)},
             {"idtr", {{"base", json_address(cpu.idt.base.value)}, {"limit", cpu.idt.limit}}},
             {"gdtr", {{"base", json_address(cpu.gdt.base.value)}, {"limit", cpu.gdt.limit}}},
             {"protections", std::move(bits)},
             {"msrs", nullptr}};
    if (cpu.msrs)
      one["msrs"] = {{"LSTAR", json_address(cpu.msrs->lstar)},
                     {"CSTAR", json_address(cpu.msrs->cstar)},
                     {"SYSENTER_EIP", json_address(cpu.msrs->sysenter_eip)}};
    else
      one["msrs_unknown"] = cpu.msrs_unknown;
    cpus.push_back(std::move(one));
  }
  Json kernel;
  if (inspection.kernel) {
    const auto& found = *inspection.kernel;
    kernel = {{"release", found.release},
              {"banner", found.banner},
              {"command_line", inspection.command_line ? Json(*inspection.command_line) : Json()},
              {"build_id", found.build_id.empty() ? Json() : Json(found.build_id)},
              {"bits", found.bits},
              {"image", json_address(found.image.first.value)},
              {"image_end", json_address(found.image.end.value)},
              {"image_gpa", json_address(found.image_gpa.value)},
              {"slide", json_address(found.slide)},
              {"page_tables", json_address(found.root.table.value)},
              {"page_tables_from", found.root_from},
              {"found_in_us", inspection.kernel_found_in.count()},
              {"explained", inspection.kernel_explained}};
  }
  Json result{{"guest", guest_json(inspection.info)},
              {"live", inspection.live},
              {"backend_notes", inspection.backend_notes},
              {"msrs_from", inspection.msrs_from},
              {"memory", std::move(ranges)},
              {"kernel", std::move(kernel)},
              {"vcpus", std::move(cpus)}};
  if (!inspection.kernel) result["kernel_unknown"] = inspection.no_kernel;
  return result;
}

}  // namespace ringside::agent
