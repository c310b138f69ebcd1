// SPDX-License-Identifier: Apache-2.0
#include "guest/live/freeze_journal.h"

#include "guest/live/qemu_process.h"
#include "guest/live/run_state.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace ringside::guest::live {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;
constexpr int kVersion = 1;
constexpr std::uintmax_t kEntryBound = 64u << 10;  // bytes; a real one has a few hundred
constexpr std::string_view kSuffix = ".freeze", kCorrupt = ".corrupt", kUnfinished = ".new";

/// The endpoint as a process started elsewhere finds it.
io::Endpoint absolute(io::Endpoint endpoint) {
  if (endpoint.kind == io::Endpoint::Kind::unix_socket)
    endpoint.path = fs::absolute(endpoint.path).lexically_normal().string();
  return endpoint;
}

json to_json(const FreezeJournal::Entry& entry) {
  const io::Endpoint monitor = absolute(entry.monitor);
  return {{"version", kVersion},
          {"monitor", io::to_string(monitor)},
          {"tls_ca", monitor.tls.ca_file},
          {"tls_certificate", monitor.tls.certificate_file},
          {"tls_key", monitor.tls.key_file},
          {"tls_name", monitor.tls.server_name},
          {"was_running", entry.was_running},
          {"owner", entry.owner},
          {"owner_start", entry.owner_start},
          {"qemu", entry.qemu},
          {"qemu_start", entry.qemu_start},
          {"gdb_socket", entry.gdb_socket}};
}

Result<FreezeJournal::Entry> read_entry(const fs::path& file) {
  const auto malformed = [&file](std::string_view why) {
    return fail(Errc::malformed, fmt::format("freeze journal {} is no entry: {}", file.string(), why));
  };
  std::error_code size_error;
  const auto size = fs::file_size(file, size_error);
  if (size_error) return fail(Errc::not_found, fmt::format("{}: {}", file.string(), size_error.message()));
  if (size > kEntryBound) return malformed("it is too long");
  std::ifstream stream(file, std::ios::binary);
  if (!stream) return fail(Errc::io, fmt::format("cannot open {}: {}", file.string(), std::strerror(errno)));
  const std::string text(std::istreambuf_iterator<char>(stream), {});
  try {
    const json value = json::parse(text);
    if (value.at("version").get<int>() != kVersion) return malformed("its version is unknown");
    auto endpoint = io::parse_endpoint(value.at("monitor").get<std::string>());
    if (!endpoint) return malformed(endpoint.error().message);
    if (endpoint->kind == io::Endpoint::Kind::tls)
      endpoint->tls = {value.at("tls_ca"), value.at("tls_certificate"), value.at("tls_key"),
                       value.at("tls_name")};
    return FreezeJournal::Entry{.monitor = std::move(*endpoint),
                                .was_running = value.at("was_running"),
                                .owner = value.at("owner"),
                                .owner_start = value.at("owner_start"),
                                .qemu = value.at("qemu"),
                                .qemu_start = value.at("qemu_start"),
                                .gdb_socket = value.at("gdb_socket")};
  } catch (const json::exception& error) {
    return malformed(error.what());
  }
}

Result<void> system_failure(const std::string& what) {
  return fail(
      errno == EACCES || errno == EPERM || errno == EROFS ? Errc::permission : Errc::io,
      fmt::format("freeze journal: cannot {}: {}", what, std::strerror(errno)),
      "a guest is only stopped once the promise to resume it is on disk; choose a writable state directory");
}

Result<void> write_file(const std::string& path, std::string_view text, bool sync) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return system_failure("make " + path);
  std::size_t done = 0;
  bool ok = true;
  while (ok && done < text.size()) {
    const ssize_t n = ::write(fd, text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    ok = n > 0;
    if (ok) done += static_cast<std::size_t>(n);
  }
  ok = ok && (!sync || ::fsync(fd) == 0);
  Result<void> outcome = ok ? Result<void>{} : system_failure("write " + path);
  ::close(fd);
  if (!ok) ::unlink(path.c_str());
  return outcome;
}

/// The new name must be on disk too, not the file alone.
Result<void> sync_directory(const std::string& directory) {
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool ok = fd >= 0 && ::fsync(fd) == 0;
  Result<void> outcome = ok ? Result<void>{} : system_failure("sync " + directory);
  if (fd >= 0) ::close(fd);
  return outcome;
}

Result<void> put_entry(const std::string& file, const FreezeJournal::Entry& entry, bool sync) {
  const std::string unfinished = file + std::string(kUnfinished);
  ::unlink(unfinished.c_str());
  RINGSIDE_CHECK(write_file(unfinished, to_json(entry).dump(), sync));
  if (::rename(unfinished.c_str(), file.c_str()) == 0) return {};
  auto failure = system_failure("name " + file);
  ::unlink(unfinished.c_str());
  return failure;
}

std::vector<fs::path> files_in(const std::string& directory, std::string_view suffix) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error))
    if (it->path().filename().string().ends_with(suffix)) files.push_back(it->path());
  std::sort(files.begin(), files.end());
  return files;
}

/// Before the rename of a `.new` file nothing has been stopped, so those are litter. Young ones may be in the
/// making.
void remove_litter(const std::string& directory) {
  for (const fs::path& file : files_in(directory, kUnfinished)) {
    std::error_code error;
    const auto written = fs::last_write_time(file, error);
    if (!error && fs::file_time_type::clock::now() - written > std::chrono::minutes(1))
      fs::remove(file, error);
  }
}

bool same_qemu(const FreezeJournal::Entry& a, const FreezeJournal::Entry& b) {
  if (a.qemu != 0 && b.qemu != 0) return a.qemu == b.qemu && a.qemu_start == b.qemu_start;
  return absolute(a.monitor) == absolute(b.monitor);
}

}  // namespace

FreezeJournal::FreezeJournal(std::string directory) : directory_(std::move(directory)) {}

Result<std::string> FreezeJournal::write(const Entry& entry) {
  static std::atomic<unsigned> serial{0};
  std::error_code error;
  if (!fs::exists(directory_, error)) {
    fs::create_directories(fs::path(directory_).parent_path(), error);
    if (::mkdir(directory_.c_str(), 0700) != 0 && errno != EEXIST) {
      const auto failure = system_failure("make " + directory_);
      return fail(failure.error());
    }
  }
  const std::string file = fmt::format("{}/{}-{}-{}{}", directory_, ::getpid(),
                                       process_start(::getpid()).value_or(0), ++serial, kSuffix);
  RINGSIDE_CHECK(put_entry(file, entry, true));
  if (auto synced = sync_directory(directory_); !synced) {
    remove(file);
    return fail(synced.error());
  }
  return file;
}

Result<void> FreezeJournal::rewrite(const std::string& file, const Entry& entry) {
  // The guest stands still now, so no time is spent on a sync: our death does not lose what is written, and a
  // crash of the host takes the guest along.
  return put_entry(file, entry, false);
}

void FreezeJournal::remove(const std::string& file) {
  ::unlink(file.c_str());
}

bool FreezeJournal::held_by_another(const std::string& file, const Entry& entry) const {
  for (const fs::path& other : files_in(directory_, kSuffix)) {
    if (other == fs::path(file)) continue;
    const auto theirs = read_entry(other);
    if (theirs && is_alive(theirs->owner, theirs->owner_start) && same_qemu(*theirs, entry)) return true;
  }
  return false;
}

std::vector<FreezeJournal::Replayed> FreezeJournal::replay(io::EventLoop& loop,
                                                           const std::optional<io::Endpoint>& only) {
  return replay(connectors_on(loop), only);
}

std::vector<FreezeJournal::Replayed> FreezeJournal::replay(const Connectors& connectors,
                                                           const std::optional<io::Endpoint>& only) {
  std::vector<Replayed> replayed;
  remove_litter(directory_);
  for (const fs::path& file : files_in(directory_, kSuffix)) {
    const auto entry = read_entry(file);
    if (!entry && entry.error().code == Errc::malformed) {
      std::error_code ignored;
      fs::rename(file, file.string() + std::string(kCorrupt), ignored);
      replayed.push_back({{}, fail(entry.error())});
    }
    if (!entry || is_alive(entry->owner, entry->owner_start)) continue;
    if (only && absolute(*only) != entry->monitor) continue;
    Result<void> outcome = give_back(connectors, *entry);
    // What could not be given back is tried again at the next start.
    if (outcome || outcome.error().code == Errc::gone) remove(file.string());
    replayed.push_back({*entry, std::move(outcome)});
  }
  return replayed;
}

}  // namespace ringside::guest::live
