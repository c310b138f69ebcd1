// SPDX-License-Identifier: Apache-2.0
#include "tests/e2e/support/monitor_text.h"

#include <cstdlib>
#include <regex>
#include <sstream>
#include <stdexcept>

namespace ringside::lab {
namespace {

std::uint64_t hex(const std::string& text) {
  return std::strtoull(text.c_str(), nullptr, 16);
}

}  // namespace

std::vector<TlbLine> parse_info_tlb(const std::string& text) {
  std::vector<TlbLine> lines;
  std::istringstream in(text);
  for (std::string address, entry, flags; in >> address >> entry >> flags;)
    lines.push_back({hex(address), hex(entry), flags});
  return lines;
}

std::vector<MemLine> parse_info_mem(const std::string& text) {
  std::vector<MemLine> lines;
  std::istringstream in(text);
  for (std::string range, size, rights; in >> range >> size >> rights;)
    lines.push_back({hex(range), hex(size), rights.at(0) == 'u', rights.at(2) == 'w'});
  return lines;
}

std::optional<std::uint64_t> parse_gva2gpa(const std::string& text) {
  const auto colon = text.find("gpa:");
  if (colon == std::string::npos) return std::nullopt;
  return std::strtoull(text.c_str() + colon + 4, nullptr, 0);
}

std::vector<std::uint8_t> parse_byte_dump(const std::string& text) {
  std::vector<std::uint8_t> bytes;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream in(line.substr(std::min(line.size(), line.find(':') + 1)));
    for (std::string byte; in >> byte;) bytes.push_back(static_cast<std::uint8_t>(hex(byte)));
  }
  return bytes;
}

std::uint64_t register_field(const std::string& text, const std::string& name, unsigned nth) {
  std::smatch match;
  if (!std::regex_search(text, match, std::regex("(^|[\\s])" + name + "\\s*=([^=\\r\\n]*)")))
    throw std::runtime_error("info registers shows no " + name);
  std::istringstream numbers(match[2].str());
  std::string number;
  for (unsigned i = 0; i <= nth; ++i)
    if (!(numbers >> number)) throw std::runtime_error("info registers: " + name + " has no such number");
  return hex(number);
}

}  // namespace ringside::lab
