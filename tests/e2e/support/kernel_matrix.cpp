// SPDX-License-Identifier: Apache-2.0
#include "tests/e2e/support/kernel_matrix.h"

#include <fmt/format.h>

#include <fstream>

namespace ringside::lab {
namespace {

constexpr const char* kTable = RINGSIDE_SOURCE_DIR "/docs/kernel-matrix.md";

constexpr const char* kIntroduction = R"(# Kernels and machines

The Linux kernels of Debian that ringside is tested with, on machines and with options that change what it has to
understand. In each cell a guest boots under QEMU, ringside finds its kernel with nothing but registers and memory, and
every symbol (address, type, name) is compared with the guest's own `/proc/kallsyms`; release, banner, command line, build
id and paging are compared as well. Discovery is the time of the first look at a guest, without any cache, on two cores
that also run the guests.

This table is made by `RINGSIDE_WRITE_MATRIX=1 RINGSIDE_MATRIX=full build/release/e2e_linux_matrix`.

| cell | kernel | paging | isolation | vCPUs | RAM | symbols compared | differences | discovery |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
)";

/// A machine or an option that an amd64 kernel is tried with.
struct Variant {
  const char* name;
  void (*apply)(Options&);
};

const Variant kVariants[] = {
    {"5-level", [](Options& options) { options.cpu = kFiveLevelCpu, options.smp = 2; }},
    {"nokaslr nosmp", [](Options& options) { options.append = "nokaslr nosmp", options.smp = 2; }},
    {"pti=on", [](Options& options) { options.append = "pti=on", options.smp = 4; }},
    {"pti=on 5-level", [](Options& options) { options.append = "pti=on", options.cpu = kFiveLevelCpu; }},
    {"5 GiB", [](Options& options) { options.memory = "5G"; }},
    {"2 NUMA nodes",
     [](Options& options) {
       options.smp = 2;
       options.memory = "384M";
       options.ram = Ram::custom;
       options.extra = {"-object", "memory-backend-memfd,id=near,size=256M,share=on",
                        "-object", "memory-backend-ram,id=far,size=128M",
                        "-numa",   "node,nodeid=0,cpus=0,memdev=near",
                        "-numa",   "node,nodeid=1,cpus=1,memdev=far"};
     }},
};

std::string row_of(const std::string& cell, const CellResult& result) {
  return fmt::format("| {} | {} | {} | {} | {} | {} | {} | {} | {:.0f} ms |", cell, result.release,
                     result.paging, result.isolation, result.cpus, result.memory, result.symbols,
                     result.differences, result.discovery_ms);
}

}  // namespace

std::vector<Cell> kernel_matrix() {
  std::vector<Cell> cells;
  for (const char* series : {"5.10", "6.1", "6.12", "sid"}) {
    for (const char* flavour : {"amd64", "cloud", "rt", "686", "686-pae", "rt-686-pae"}) {
      const bool is_32_bit = std::string(flavour).find("686") != std::string::npos;
      // There are no i386 kernels after bookworm.
      if (is_32_bit && (series == std::string("6.12") || series == std::string("sid"))) continue;
      Options plain;
      plain.kernel = fmt::format("{}-{}", series, flavour);
      plain.ram = Ram::memfd;
      plain.modules = true;
      plain.ready_deadline = std::chrono::minutes(6);
      cells.push_back({plain.kernel, plain, true});
      if (is_32_bit) continue;
      for (const Variant& variant : kVariants) {
        Options options = plain;
        variant.apply(options);
        cells.push_back(
            {fmt::format("{}, {}", plain.kernel, variant.name), options, plain.kernel == "6.12-cloud"});
      }
    }
  }
  return cells;
}

std::map<std::string, std::string> read_matrix_table() {
  std::map<std::string, std::string> rows;
  std::ifstream table(kTable);
  for (std::string line; std::getline(table, line);)
    if (line.starts_with("| ")) rows.emplace(line.substr(2, line.find(" |", 2) - 2), line);
  return rows;
}

void write_matrix_table(const std::map<std::string, CellResult>& results) {
  std::map<std::string, std::string> rows = read_matrix_table();
  for (const auto& [cell, result] : results) rows[cell] = row_of(cell, result);
  std::ofstream table(kTable);
  table << kIntroduction;
  for (const Cell& cell : kernel_matrix())
    if (const auto row = rows.find(cell.name); row != rows.end()) table << row->second << '\n';
}

}  // namespace ringside::lab
