// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/process_details.h"

#include "guest/linux/object_reader.h"
#include "guest/linux/path_reader.h"
#include "guest/linux/user_memory.h"

#include <algorithm>

namespace ringside::guest::linux {

namespace {

/// Where the strings of a process stand (struct mm_struct).
struct StringBounds {
  std::uint64_t arg_start = 0, arg_end = 0, env_start = 0, env_end = 0;
};

Result<StringBounds> string_bounds(Kernel& kernel, Gva mm) {
  ObjectReader reader(kernel, "mm_struct");
  const auto arg_start = reader.add("arg_start"), arg_end = reader.add("arg_end"),
             env_start = reader.add("env_start"), env_end = reader.add("env_end");
  if (!reader.missing().empty()) return fail(reader.missing().front());
  RINGSIDE_CHECK(reader.read(mm));
  return StringBounds{reader.integer(arg_start).value_or(0), reader.integer(arg_end).value_or(0),
                      reader.integer(env_start).value_or(0), reader.integer(env_end).value_or(0)};
}

Result<std::string> read_text(ProcessMemory& memory, std::uint64_t start, std::uint64_t end) {
  std::string text(std::min<std::uint64_t>(end - start, kMaxArgumentBytes), '\0');
  RINGSIDE_CHECK(memory.read(Gva{start}, std::as_writable_bytes(std::span(text))));
  return text;
}

/// get_mm_proctitle(), fs/proc/base.c: one string from the start of the arguments on, at most a page.
Result<std::string> title(ProcessMemory& memory, std::uint64_t start) {
  RINGSIDE_TRY(const Bytes bytes, memory.read_some(Gva{start}, kPageSize));
  std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (const auto end = text.find('\0'); end != std::string::npos) text.resize(end + 1);
  return text;
}

Result<Path> path_at(Kernel& kernel, Gva fs, std::string_view member) {
  if (fs == Gva{0}) return fail(Errc::not_found, "it has no file system context: it has ended");
  RINGSIDE_TRY(const Field field, kernel.field("fs_struct", member));
  return PathReader::of(kernel).read(fs + field.offset);
}

}  // namespace

Result<std::string> command_line(Kernel& kernel, Gva mm) {
  if (mm == Gva{0}) return std::string();
  RINGSIDE_TRY(const StringBounds bounds, string_bounds(kernel, mm));
  if (bounds.arg_start >= bounds.arg_end) return std::string();
  RINGSIDE_TRY(auto memory, ProcessMemory::of(kernel, mm));
  // A program that wrote over the NUL at the end has set its title, which may go on into the environment
  // behind the arguments (get_mm_cmdline).
  const auto last = memory.read<char>(Gva{bounds.arg_end - 1});
  if (last && *last != '\0') return title(memory, bounds.arg_start);
  return read_text(memory, bounds.arg_start, bounds.arg_end);
}

Result<std::string> environment(Kernel& kernel, Gva mm) {
  if (mm == Gva{0}) return std::string();
  RINGSIDE_TRY(const StringBounds bounds, string_bounds(kernel, mm));
  if (bounds.env_start >= bounds.env_end) return std::string();
  RINGSIDE_TRY(auto memory, ProcessMemory::of(kernel, mm));
  return read_text(memory, bounds.env_start, bounds.env_end);
}

std::vector<std::string> split_strings(std::string_view block) {
  std::vector<std::string> strings;
  while (!block.empty()) {
    const auto end = std::min(block.find('\0'), block.size());
    strings.emplace_back(block.substr(0, end));
    block.remove_prefix(std::min(end + 1, block.size()));
  }
  return strings;
}

std::string join_strings(std::string_view block) {
  std::string text(block);
  while (!text.empty() && text.back() == '\0') text.pop_back();
  std::replace(text.begin(), text.end(), '\0', ' ');
  return text;
}

Result<Gva> executable_file(Kernel& kernel, Gva mm) {
  if (mm == Gva{0}) return Gva{0};
  RINGSIDE_TRY(const Field link, kernel.field("mm_struct", "exe_file"));
  return kernel.read_pointer_field(mm, link);
}

Result<std::string> executable_path(Kernel& kernel, Gva mm) {
  RINGSIDE_TRY(const Gva file, executable_file(kernel, mm));
  if (file == Gva{0}) return fail(Errc::not_found, "it runs no executable file: it is a kernel thread");
  return file_path(kernel, file);
}

Result<Path> process_root(Kernel& kernel, Gva fs) {
  return path_at(kernel, fs, "root");
}

Result<std::string> working_directory(Kernel& kernel, Gva fs) {
  RINGSIDE_TRY(const Path path, path_at(kernel, fs, "pwd"));
  return path_of(kernel, path);
}

Result<std::string> root_directory(Kernel& kernel, Gva fs) {
  RINGSIDE_TRY(const Path path, path_at(kernel, fs, "root"));
  return path_of(kernel, path);
}

}  // namespace ringside::guest::linux
