// SPDX-License-Identifier: Apache-2.0
#include "guest/live/qemu_process.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <sstream>

namespace ringside::guest::live {

namespace {

Result<std::string> read_proc_file(pid_t pid, const char* name) {
  errno = 0;
  std::ifstream file(fmt::format("/proc/{}/{}", pid, name));
  std::ostringstream text;
  if (file) text << file.rdbuf();
  if (!file || file.bad() || text.str().empty()) {
    const int reason = errno != 0 ? errno : ENOENT;
    return fail(reason == EACCES || reason == EPERM ? Errc::permission : Errc::gone,
                fmt::format("cannot read /proc/{}/{}: {}", pid, name, std::strerror(reason)));
  }
  return std::move(text).str();
}

/// Takes the next field up to `end` off `text`; nullopt if `end` does not come.
std::optional<std::string_view> take(std::string_view& text, char end) {
  const std::size_t at = text.find(end);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view field = text.substr(0, at);
  text.remove_prefix(at + 1);
  return field;
}

template <class T>
bool number(std::optional<std::string_view> text, int base, T& value) {
  if (!text || text->empty()) return false;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value, base);
  return error == std::errc{} && end == text->data() + text->size();
}

bool parse_mapping(std::string_view line, Mapping& mapping) {
  if (!number(take(line, '-'), 16, mapping.start) || !number(take(line, ' '), 16, mapping.end)) return false;
  const auto mode = take(line, ' ');
  if (!mode || mode->size() != 4 || mapping.end <= mapping.start) return false;
  mapping.readable = (*mode)[0] == 'r';
  mapping.writable = (*mode)[1] == 'w';
  mapping.executable = (*mode)[2] == 'x';
  mapping.shared = (*mode)[3] == 's';
  if (!number(take(line, ' '), 16, mapping.file_offset) ||
      !number(take(line, ':'), 16, mapping.device_major) ||
      !number(take(line, ' '), 16, mapping.device_minor))
    return false;
  const std::size_t inode_end = std::min(line.find(' '), line.size());
  if (!number(std::optional(line.substr(0, inode_end)), 10, mapping.inode)) return false;
  line.remove_prefix(inode_end);
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  mapping.path = line;
  return true;
}

}  // namespace

std::optional<unsigned long long> parse_start_time(std::string_view stat) {
  // The command name in field 2 may hold anything, parentheses included: count from the last one.
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string_view::npos || name_end + 2 > stat.size()) return std::nullopt;
  stat.remove_prefix(name_end + 2);
  if (stat.starts_with('Z') || stat.starts_with('X')) return std::nullopt;
  for (int field = 3; field < 22; ++field)
    if (!take(stat, ' ')) return std::nullopt;
  unsigned long long ticks = 0;
  if (!number(take(stat, ' '), 10, ticks)) return std::nullopt;
  return ticks;
}

std::optional<unsigned long long> process_start(pid_t pid) {
  if (pid <= 0) return std::nullopt;
  const auto stat = read_proc_file(pid, "stat");
  return stat ? parse_start_time(*stat) : std::nullopt;
}

bool is_alive(pid_t pid, unsigned long long start) {
  const auto now = process_start(pid);
  return now && *now == start;
}

Result<std::vector<Mapping>> parse_mappings(std::string_view maps) {
  std::vector<Mapping> mappings;
  while (!maps.empty()) {
    const auto line = take(maps, '\n');
    Mapping mapping;
    if (!line || !parse_mapping(*line, mapping))
      return fail(Errc::malformed,
                  fmt::format("line {} of /proc/PID/maps makes no sense", mappings.size() + 1));
    mappings.push_back(std::move(mapping));
  }
  return mappings;
}

Result<std::vector<Mapping>> read_mappings(pid_t pid) {
  RINGSIDE_TRY(const std::string text, read_proc_file(pid, "maps"));
  return parse_mappings(text);
}

const Mapping* find_mapping(const std::vector<Mapping>& mappings, std::uint64_t address) {
  const auto after = std::upper_bound(mappings.begin(), mappings.end(), address,
                                      [](std::uint64_t a, const Mapping& m) { return a < m.start; });
  if (after == mappings.begin()) return nullptr;
  const Mapping& mapping = *std::prev(after);
  return address < mapping.end ? &mapping : nullptr;
}

Result<void> check_is_qemu(const std::vector<Mapping>& mappings, const memory::MemoryMap& map) {
  bool any = false;
  for (const memory::MemoryRange& range : map.ranges()) {
    if (range.hva.value == 0) continue;
    any = true;
    // madvise and mbind split one RAM block into neighbouring mappings, so walk across them.
    std::uint64_t at = range.hva.value, left = range.size;
    while (left > 0) {
      const Mapping* mapping = find_mapping(mappings, at);
      if (mapping == nullptr || !mapping->readable ||
          (range.kind == memory::MemoryRange::Kind::ram && !mapping->writable))
        return fail(Errc::mismatch, fmt::format("it has no memory at {} where QEMU keeps {}",
                                                to_string(Hva{at}), range.block));
      const std::uint64_t step = std::min(left, mapping->end - at);
      at += step;
      left -= step;
    }
  }
  if (!any) return fail(Errc::mismatch, "QEMU names no host address of guest memory");
  return {};
}

}  // namespace ringside::guest::live
