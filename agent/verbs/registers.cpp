// SPDX-License-Identifier: Apache-2.0
#include "agent/options.h"
#include "agent/output/text_table.h"
#include "agent/verbs/support.h"
#include "agent/verbs/verbs.h"

#include <fmt/format.h>

#include <array>
#include <ostream>

namespace ringside::agent {

namespace {

namespace x86 = guest::x86;

constexpr std::array kGpr = {"RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI",
                             "R8",  "R9",  "R10", "R11", "R12", "R13", "R14", "R15"};

std::array<std::pair<const char*, const x86::Segment*>, 8> segments(const x86::CpuState& cpu) {
  return {{{"CS", &cpu.cs},
           {"SS", &cpu.ss},
           {"DS", &cpu.ds},
           {"ES", &cpu.es},
           {"FS", &cpu.fs},
           {"GS", &cpu.gs},
           {"LDTR", &cpu.ldt},
           {"TR", &cpu.tr}}};
}

std::string render(const x86::CpuState& cpu, const Style& style) {
  // 32-bit modes have no upper halves to show.
  const int digits = cpu.long_mode() ? 16 : 8;
  const auto value = [&](std::uint64_t v) { return fmt::format("{:0{}x}", v, digits); };
  std::string out = fmt::format("{}  {}, ring {}{}\n", style.bold(fmt::format("vCPU {}", cpu.index)),
                                cpu.long_mode() ? "long mode" : "32-bit or real mode", cpu.cpl,
                                cpu.halted ? ", halted" : "");
  std::vector<std::pair<std::string, std::uint64_t>> plain;
  for (std::size_t i = 0; i < (cpu.long_mode() ? 16u : 8u); ++i) plain.emplace_back(kGpr[i], cpu.gpr[i]);
  plain.insert(plain.end(), {{"RIP", cpu.rip},
                             {"RFLAGS", cpu.rflags},
                             {"CR0", cpu.cr0},
                             {"CR2", cpu.cr2},
                             {"CR3", cpu.cr3},
                             {"CR4", cpu.cr4},
                             {"EFER", cpu.efer},
                             {"DR6", cpu.dr[6]},
                             {"DR7", cpu.dr[7]},
                             {"DR0", cpu.dr[0]},
                             {"DR1", cpu.dr[1]},
                             {"DR2", cpu.dr[2]},
                             {"DR3", cpu.dr[3]}});
  for (std::size_t i = 0; i < plain.size(); ++i) {
    const bool last = i % 4 == 3 || i + 1 == plain.size();
    out += fmt::format("{}{:<6} {}{}", i % 4 == 0 ? "  " : "   ", plain[i].first, value(plain[i].second),
                       last ? "\n" : "");
  }
  TextTable table({{"REGISTER"}, {"SELECTOR"}, {"BASE"}, {"LIMIT"}, {"FLAGS"}});
  for (const auto& [name, segment] : segments(cpu))
    table.add({name, fmt::format("{:04x}", segment->selector), value(segment->base),
               fmt::format("{:08x}", segment->limit), fmt::format("{:08x}", segment->flags)});
  table.add({"GDTR", "", value(cpu.gdt.base.value), fmt::format("{:08x}", cpu.gdt.limit), ""});
  table.add({"IDTR", "", value(cpu.idt.base.value), fmt::format("{:08x}", cpu.idt.limit), ""});
  return out + "\n" + table.render(style, 2);
}

Json to_json(const x86::CpuState& cpu) {
  Json out{{"vcpu", cpu.index}, {"cpl", cpu.cpl}, {"halted", cpu.halted}, {"long_mode", cpu.long_mode()}};
  static constexpr std::array kNames = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                        "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
  for (std::size_t i = 0; i < kNames.size(); ++i) out[kNames[i]] = json_address(cpu.gpr[i]);
  out["rip"] = json_address(cpu.rip);
  out["rflags"] = json_address(cpu.rflags);
  out["cr0"] = json_address(cpu.cr0);
  out["cr2"] = json_address(cpu.cr2);
  out["cr3"] = json_address(cpu.cr3);
  out["cr4"] = json_address(cpu.cr4);
  out["efer"] = json_address(cpu.efer);
  for (const unsigned i : {0u, 1u, 2u, 3u, 6u, 7u}) out[fmt::format("dr{}", i)] = json_address(cpu.dr[i]);
  static constexpr std::array kSegments = {"cs", "ss", "ds", "es", "fs", "gs", "ldtr", "tr"};
  const auto all = segments(cpu);
  for (std::size_t i = 0; i < all.size(); ++i)
    out[kSegments[i]] = {{"selector", json_address(all[i].second->selector)},
                         {"base", json_address(all[i].second->base)},
                         {"limit", json_address(all[i].second->limit)},
                         {"flags", json_address(all[i].second->flags)}};
  out["gdtr"] = {{"base", json_address(cpu.gdt.base.value)}, {"limit", json_address(cpu.gdt.limit)}};
  out["idtr"] = {{"base", json_address(cpu.idt.base.value)}, {"limit", json_address(cpu.idt.limit)}};
  return out;
}

Outcome registers(Context& context) {
  RINGSIDE_TRY(auto session, Session::open(context.options));
  RINGSIDE_TRY(guest::Snapshot * snapshot, session->snapshot(guest::live::MsrSource::none));
  const auto& cpus = snapshot->cpus(guest::RegisterGroups::general);
  if (context.options.json) {
    Json list = Json::array();
    for (const auto& cpu : cpus) list.push_back(to_json(cpu));
    write_document(context.out, {{"guest", guest_json(snapshot->info())}, {"vcpus", std::move(list)}});
    return Exit::clean;
  }
  for (std::size_t i = 0; i < cpus.size(); ++i)
    context.out << (i > 0 ? "\n" : "") << render(cpus[i], context.style());
  return Exit::clean;
}

}  // namespace

void add_registers(CLI::App& app, Context& context) {
  auto* verb = app.add_subcommand("registers", "Show the registers of every vCPU");
  add_target(*verb, context);
  add_example(*verb, "  ringside registers /run/vm.qmp");
  verb->callback([&context] { context.action = [&context] { return registers(context); }; });
}

}  // namespace ringside::agent
