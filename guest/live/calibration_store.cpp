// SPDX-License-Identifier: Apache-2.0
#include "guest/live/calibration_store.h"

#include "guest/live/qemu_process.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace ringside::guest::live {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;
constexpr std::uintmax_t kFileBound = 64u << 10;
constexpr std::size_t kVcpuBound = 4096;

json read_json(const std::string& path) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  if (error || size > kFileBound) return nullptr;
  std::ifstream file(path, std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  json value = json::parse(text, nullptr, false);
  return value.is_object() ? value : json(nullptr);
}

/// Whole or not at all; several processes may write the same.
void write_json(const std::string& directory, const std::string& path, const json& value) {
  std::error_code error;
  fs::create_directories(directory, error);
  const std::string unfinished = fmt::format("{}.{}", path, ::getpid());
  std::ofstream file(unfinished, std::ios::binary | std::ios::trunc);
  file << value.dump();
  file.close();
  if (file)
    fs::rename(unfinished, path, error);
  else
    fs::remove(unfinished, error);
}

std::optional<std::uint32_t> offset_in(const json& value, const char* key) {
  const auto member = value.find(key);
  if (member == value.end() || !member->is_number_unsigned()) return std::nullopt;
  const auto offset = member->get<std::uint64_t>();
  return offset >= kFingerprintSize && offset < kViewSize ? std::optional(static_cast<std::uint32_t>(offset))
                                                          : std::nullopt;
}

}  // namespace

CalibrationStore::CalibrationStore(const std::string& state_directory)
    : directory_((fs::path(state_directory) / "msr-calibration").string()) {}

std::optional<MsrLayout> CalibrationStore::layout(const std::string& build_id) const {
  const json value = read_json(fmt::format("{}/build-{}", directory_, build_id));
  const auto msrs = offset_in(value, "msrs");
  if (!msrs) return std::nullopt;
  return MsrLayout{*msrs, offset_in(value, "efer")};
}

void CalibrationStore::keep_layout(const std::string& build_id, const MsrLayout& layout) {
  json value = {{"msrs", layout.msrs}};
  if (layout.efer) value["efer"] = *layout.efer;
  write_json(directory_, fmt::format("{}/build-{}", directory_, build_id), value);
}

std::vector<std::uint64_t> CalibrationStore::addresses(pid_t pid, unsigned long long start) const {
  const json value = read_json(fmt::format("{}/process-{}-{}", directory_, pid, start));
  const auto list = value.find("views");
  if (list == value.end() || !list->is_array() || list->size() > kVcpuBound) return {};
  std::vector<std::uint64_t> addresses;
  for (const json& address : *list) {
    if (!address.is_number_unsigned()) return {};
    addresses.push_back(address);
  }
  return addresses;
}

void CalibrationStore::keep_addresses(pid_t pid, unsigned long long start,
                                      const std::vector<std::uint64_t>& addresses) {
  std::error_code error;
  for (fs::directory_iterator it(directory_, error), end; !error && it != end; it.increment(error)) {
    int old_pid = 0;
    unsigned long long old_start = 0;
    const std::string name = it->path().filename().string();
    // NOLINTNEXTLINE(cert-err34-c): a name that does not fit leaves the count short
    if (std::sscanf(name.c_str(), "process-%d-%llu", &old_pid, &old_start) == 2 &&
        !is_alive(old_pid, old_start)) {
      std::error_code ignored;
      fs::remove(it->path(), ignored);
    }
  }
  write_json(directory_, fmt::format("{}/process-{}-{}", directory_, pid, start), {{"views", addresses}});
}

}  // namespace ringside::guest::live
