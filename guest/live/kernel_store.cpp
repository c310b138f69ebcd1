// SPDX-License-Identifier: Apache-2.0
#include "guest/live/kernel_store.h"

#include "guest/atomic_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <optional>

namespace ringside::guest::live {

namespace {

namespace fs = std::filesystem;
constexpr std::uintmax_t kFileBound = std::uintmax_t{64} << 20;

struct FileName {
  std::string build_id;
  std::uint64_t page_fault = 0;
};

std::optional<FileName> parse_name(const std::string& name) {
  const auto dash = name.find('-');
  if (dash == std::string::npos || dash == 0) return std::nullopt;
  FileName parsed{name.substr(0, dash), 0};
  const char* end = name.data() + name.size();
  const auto [rest, error] = std::from_chars(name.data() + dash + 1, end, parsed.page_fault, 16);
  if (error != std::errc{} || rest != end) return std::nullopt;
  return parsed;
}

std::optional<Bytes> read_file(const fs::path& path) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  if (error || size > kFileBound) return std::nullopt;
  Bytes bytes(size);
  std::ifstream file(path, std::ios::binary);
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size));
  return file ? std::optional(std::move(bytes)) : std::nullopt;
}

}  // namespace

KernelStore::KernelStore(const std::string& state_directory)
    : directory_((fs::path(state_directory) / "kernels").string()) {}

std::vector<std::shared_ptr<const linux::KernelBuild>> KernelStore::builds(std::uint64_t page_fault) {
  auto fitting = KernelCache::builds(page_fault);
  if (!fitting.empty()) return fitting;
  std::error_code error;
  for (fs::directory_iterator it(directory_, error), end; !error && it != end; it.increment(error)) {
    const auto name = parse_name(it->path().filename().string());
    if (!name || (page_fault - name->page_fault) % kAlignment != 0) continue;
    auto bytes = read_file(it->path());
    if (!bytes) continue;
    auto symbols = linux::SymbolTable::parse(std::move(*bytes));
    if (!symbols) continue;
    auto build = std::make_shared<linux::KernelBuild>(
        linux::KernelBuild{name->build_id, std::move(*symbols), name->page_fault});
    KernelCache::add(build);
    fitting.push_back(std::move(build));
  }
  return fitting;
}

void KernelStore::add(std::shared_ptr<const linux::KernelBuild> build) {
  const std::string path = fmt::format("{}/{}-{:x}", directory_, build->build_id, build->page_fault);
  KernelCache::add(build);
  std::error_code error;
  fs::create_directories(directory_, error);
  fs::permissions(directory_, fs::perms::owner_all, error);
  drop_oldest();
  auto file = AtomicFile::create(path);
  if (file && file->write(build->symbols->serialise())) (void)file->commit();
}

void KernelStore::drop_oldest() const {
  std::error_code error;
  std::vector<fs::directory_entry> files;
  for (fs::directory_iterator it(directory_, error), end; !error && it != end; it.increment(error))
    if (parse_name(it->path().filename().string())) files.push_back(*it);
  if (files.size() < kMaxFiles) return;
  const auto oldest = std::min_element(files.begin(), files.end(), [](const auto& a, const auto& b) {
    std::error_code ignored;
    return a.last_write_time(ignored) < b.last_write_time(ignored);
  });
  fs::remove(oldest->path(), error);
}

}  // namespace ringside::guest::live
