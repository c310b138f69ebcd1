// SPDX-License-Identifier: Apache-2.0
#include "tests/lab/recorded_guest.h"

#include <fmt/format.h>
#include <sys/uio.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <stdexcept>

namespace ringside::lab {
namespace {

using Json = RawQmp::Json;

/// How QEMU's memory is copied around the place where a vCPU's GDT base stands.
constexpr std::uint64_t kBefore = 4u << 10, kAfter = 68u << 10;
/// From the GDT base to the IDT base in QEMU's CPUX86State (target/i386/cpu.h).
constexpr std::uint64_t kFromGdtToIdt = 24;

std::vector<char> read_memory(pid_t pid, std::uint64_t address, std::uint64_t size) {
  std::vector<char> bytes(size);
  const iovec local{bytes.data(), bytes.size()};
  const iovec remote{reinterpret_cast<void*>(address), bytes.size()};
  const ssize_t n = process_vm_readv(pid, &local, 1, &remote, 1, 0);
  bytes.resize(n < 0 ? 0 : static_cast<std::size_t>(n));
  return bytes;
}

/// Pages of zeros stay holes.
void write_sparse(const std::string& path, pid_t pid, std::uint64_t address, std::uint64_t size) {
  constexpr std::uint64_t kPiece = 1u << 20, kPage = 4096;
  std::ofstream file(path, std::ios::binary);
  for (std::uint64_t at = 0; at < size; at += kPiece) {
    const auto bytes = read_memory(pid, address + at, std::min(kPiece, size - at));
    for (std::size_t page = 0; page < bytes.size(); page += kPage) {
      const std::size_t length = std::min<std::size_t>(kPage, bytes.size() - page);
      const char* first = bytes.data() + page;
      if (*first == 0 && std::memcmp(first, first + 1, length - 1) == 0) continue;
      file.seekp(static_cast<std::streamoff>(at + page)).write(first, static_cast<std::streamsize>(length));
    }
  }
  file.close();
  std::filesystem::resize_file(path, size);
}

std::uint64_t number_in(const std::string& text, const std::string& pattern) {
  std::smatch match;
  if (!std::regex_search(text, match, std::regex(pattern)))
    throw std::runtime_error(pattern + " not in " + text);
  return std::stoull(match[1], nullptr, 16);
}

/// Where CPUX86State of each vCPU stands; only its surroundings are kept.
std::string heap_around_cpus(pid_t pid, std::uint64_t gdt, std::uint64_t idt) {
  std::ifstream maps(fmt::format("/proc/{}/maps", pid));
  std::string found;
  for (std::string line; std::getline(maps, line);) {
    std::uint64_t start = 0, end = 0;
    if (line.find(" rw-p ") == std::string::npos || line.find(" 0 ") == std::string::npos ||
        std::sscanf(line.c_str(), "%lx-%lx", &start, &end) != 2 || end - start > (64u << 20))
      continue;
    const auto bytes = read_memory(pid, start, end - start);
    for (std::size_t at = 0; at + kFromGdtToIdt + 8 <= bytes.size(); at += 8) {
      if (std::memcmp(&bytes[at], &gdt, 8) != 0 || std::memcmp(&bytes[at + kFromGdtToIdt], &idt, 8) != 0)
        continue;
      const std::size_t from = at > kBefore ? (at - kBefore) / 16 * 16 : 0;
      found.append(&bytes[from], std::min<std::size_t>(bytes.size() - from, kBefore + kAfter));
      at = from + kBefore + kAfter;
    }
  }
  if (found.empty()) throw std::runtime_error("CPUX86State is not in QEMU's heap");
  return found;
}

}  // namespace

void record_guest(Guest& guest, const std::string& folder) {
  RawQmp& qmp = guest.qmp();
  std::filesystem::create_directories(folder);
  const auto ask = [&](const std::string& command, Json arguments = Json::object()) {
    auto reply = qmp.execute(command, std::move(arguments));
    if (!reply) throw std::runtime_error(command + ": " + reply.error().message);
    return *reply;
  };
  Json answers = Json::object();
  // What a running guest says, taken before it is stopped.
  for (const char* command :
       {"query-status", "query-version", "query-commands", "query-cpus-fast", "query-memdev", "query-name",
        "query-uuid", "query-target", "query-chardev", "query-migrate", "query-kvm"})
    answers[command] = ask(command);
  answers["qom-list-types /objects"] = Json::array();
  ask("stop");
  for (const char* line : {"info mtree -f", "info registers -a"}) answers[line] = qmp.hmp(line);

  Json memory = Json::array();
  std::istringstream tree(answers["info mtree -f"].get<std::string>());
  const std::regex range("^ +([0-9a-f]{16})-([0-9a-f]{16}) \\(prio .*, (ram|rom|romd)\\): .*");
  bool in_memory = false;
  for (std::string line; std::getline(tree, line);) {
    if (line.starts_with("FlatView")) in_memory = false;
    if (line.find("AS \"memory\"") != std::string::npos) in_memory = true;
    std::smatch match;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (!in_memory || !std::regex_match(line, match, range)) continue;
    const std::uint64_t start = std::stoull(match[1], nullptr, 16),
                        size = std::stoull(match[2], nullptr, 16) - start + 1;
    const std::string question = fmt::format("gpa2hva {:#x}", start);
    answers[question] = qmp.hmp(question);
    const std::string told = answers[question];
    if (told.find(" is 0x") == std::string::npos) continue;
    const std::string file = fmt::format("ram-{}", memory.size());
    const std::uint64_t hva = number_in(told, "is 0x([0-9a-f]+)");
    write_sparse(folder + '/' + file, guest.pid(), hva, size);
    memory.push_back({{"file", file}, {"hva", hva}, {"size", size}});
  }
  const std::string registers = answers["info registers -a"];
  std::ofstream(folder + "/heap", std::ios::binary) << heap_around_cpus(
      guest.pid(), number_in(registers, "GDT= *([0-9a-f]+)"), number_in(registers, "IDT= *([0-9a-f]+)"));
  ask("xen-save-devices-state", {{"filename", folder + "/devices"}, {"live", false}});
  ask("cont");
  std::ofstream(folder + "/answers.json") << Json({{"answers", answers}, {"memory", memory}}).dump();
}

}  // namespace ringside::lab
