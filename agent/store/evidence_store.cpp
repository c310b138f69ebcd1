// SPDX-License-Identifier: Apache-2.0
#include "agent/store/evidence_store.h"

#include "agent/store/digest.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>

namespace ringside::agent {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kEnd = ".zst", kUnfinished = ".new-";
constexpr std::uint64_t kBlock = 4096;
constexpr int kLevel = 3;
constexpr std::size_t kLongestHeader = 18;  // ZSTD_FRAMEHEADERSIZE_MAX (zstd_compression_format.md)

std::uint64_t on_disk(std::uint64_t bytes) {
  return (bytes + kBlock - 1) / kBlock * kBlock;
}

Error failed(const std::string& path, int number) {
  if (number == ENOSPC || number == EDQUOT)
    return {Errc::io, fmt::format("evidence {}: the disk is full", path),
            "make room, or give evidence a smaller bound"};
  const bool forbidden = number == EACCES || number == EPERM || number == EROFS;
  return {forbidden ? Errc::permission : Errc::io,
          fmt::format("evidence {}: {}", path, std::strerror(number))};
}

class File {
 public:
  File(const std::string& path, int flags, mode_t mode = 0)
      : descriptor_(::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, mode)) {}
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  explicit operator bool() const { return descriptor_ >= 0; }
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

bool write_all(int file, ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return true;
}

/// At most `most` bytes from the beginning.
std::optional<Bytes> read_up_to(int file, std::size_t most) {
  Bytes bytes(most);
  std::size_t have = 0;
  while (have < most) {
    const ssize_t got = ::read(file, bytes.data() + have, most - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  bytes.resize(have);
  return bytes;
}

/// The SHA-256 in a file's name; empty: it is no piece's name.
std::string piece_name(const fs::path& path) {
  const std::string name = path.filename().string();
  if (!name.ends_with(kEnd)) return {};
  std::string sha256 = name.substr(0, name.size() - kEnd.size());
  return is_sha256(sha256) ? sha256 : std::string();
}

timespec as_timespec(Moment moment) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(moment);
  return {static_cast<time_t>(seconds.time_since_epoch().count()),
          static_cast<long>(std::chrono::nanoseconds(moment - seconds).count())};
}

Moment as_moment(const timespec& time) {
  return Moment(std::chrono::seconds(time.tv_sec) + std::chrono::duration_cast<std::chrono::microseconds>(
                                                        std::chrono::nanoseconds(time.tv_nsec)));
}

/// What the frame makes, if it is what it claims to be.
Result<Bytes> decompress(ByteView frame) {
  const unsigned long long size = ZSTD_getFrameContentSize(frame.data(), frame.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN || size > EvidenceStore::kMaxPiece)
    return fail(Errc::mismatch, "it is not as it was written");
  Bytes bytes(size);
  if (ZSTD_decompress(bytes.data(), bytes.size(), frame.data(), frame.size()) != size)
    return fail(Errc::mismatch, "it cannot be decompressed");
  return bytes;
}

template <class Each>
Result<void> each_entry(const std::string& directory, Each each) {
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error))
    RINGSIDE_CHECK(each(entry->path()));
  if (error) return fail(failed(directory, error.value()));
  return {};
}

}  // namespace

Result<std::unique_ptr<EvidenceStore>> EvidenceStore::open(const std::string& directory, std::uint64_t bound,
                                                           Dropping dropping) {
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) return fail(failed(directory, errno));
  std::unique_ptr<EvidenceStore> store(new EvidenceStore(directory, bound, std::move(dropping)));
  RINGSIDE_CHECK(store->tidy_up());
  return store;
}

Result<std::unique_ptr<EvidenceStore>> EvidenceStore::open_existing(const std::string& directory) {
  std::error_code error;
  if (!fs::is_directory(directory, error))
    return fail(error && error != std::errc::no_such_file_or_directory ? Errc::io : Errc::not_found,
                fmt::format("there is no evidence in {}", directory));
  return std::unique_ptr<EvidenceStore>(new EvidenceStore(directory, 0, {}));
}

Result<void> EvidenceStore::tidy_up() {
  // What was being written when the last agent was killed.
  RINGSIDE_CHECK(each_entry(directory_, [&](const fs::path& path) -> Result<void> {
    if (path.filename().string().starts_with(kUnfinished)) ::unlink(path.c_str());
    return {};
  }));
  return make_room(0);
}

Result<void> EvidenceStore::make_room(std::uint64_t bytes) {
  RINGSIDE_TRY(auto pieces, list());
  total_ = 0;
  for (const Piece& piece : pieces) total_ += piece.stored;
  if (total_ + bytes <= bound_) return {};
  // Some more than is needed, so that not every piece that is kept looks at all the others.
  const std::uint64_t aim = std::max(bound_ - bound_ / 16 / kBlock * kBlock, bytes) - bytes;
  std::vector<std::string> going;
  std::uint64_t left = total_;
  while (!pieces.empty() && left > aim) {
    left -= pieces.back().stored;
    going.push_back(std::move(pieces.back().sha256));
    pieces.pop_back();
  }
  if (dropping_) RINGSIDE_CHECK(dropping_(going));
  for (const std::string& sha256 : going)
    if (::unlink(file_of(sha256).c_str()) != 0 && errno != ENOENT)
      return fail(failed(file_of(sha256), errno));
  total_ = left;
  return {};
}

Result<std::uint64_t> EvidenceStore::write(const std::string& sha256, ByteView frame, Moment now) const {
  const std::string unfinished = fmt::format("{}/{}{}", directory_, kUnfinished, sha256);
  const auto give_up = [&](int number) {
    ::unlink(unfinished.c_str());
    return fail(failed(file_of(sha256), number));
  };
  {
    ::unlink(unfinished.c_str());
    const File file(unfinished, O_WRONLY | O_CREAT | O_EXCL, 0400);
    if (!file) return fail(failed(unfinished, errno));
    const timespec times[] = {as_timespec(now), as_timespec(now)};
    if (!write_all(file.get(), frame) || ::futimens(file.get(), times) != 0 || ::fsync(file.get()) != 0)
      return give_up(errno);
  }
  if (::rename(unfinished.c_str(), file_of(sha256).c_str()) != 0) return give_up(errno);
  const File folder(directory_, O_RDONLY | O_DIRECTORY);
  if (!folder || ::fsync(folder.get()) != 0) return fail(failed(directory_, errno));
  return on_disk(frame.size());
}

Result<std::string> EvidenceStore::keep(ByteView bytes, Moment now) {
  if (bytes.size() > kMaxPiece)
    return fail(Errc::oversized,
                fmt::format("a piece of evidence of {} bytes: at most {} are kept", bytes.size(), kMaxPiece));
  const std::string sha256 = sha256_hex(bytes);
  const std::lock_guard lock(mutex_);
  if (load(sha256)) {
    const timespec times[] = {as_timespec(now), as_timespec(now)};
    if (::utimensat(AT_FDCWD, file_of(sha256).c_str(), times, AT_SYMLINK_NOFOLLOW) != 0)
      return fail(failed(file_of(sha256), errno));
    return sha256;
  }
  Bytes frame(ZSTD_compressBound(bytes.size()));
  const std::size_t size = ZSTD_compress(frame.data(), frame.size(), bytes.data(), bytes.size(), kLevel);
  if (ZSTD_isError(size) != 0)
    return fail(Errc::io, fmt::format("evidence {}: zstd: {}", sha256, ZSTD_getErrorName(size)));
  frame.resize(size);
  if (on_disk(size) > bound_)
    return fail(Errc::oversized,
                fmt::format("a piece of evidence of {} bytes: all of it may be {}", size, bound_),
                "give evidence a larger bound");
  if (total_ + on_disk(size) > bound_) RINGSIDE_CHECK(make_room(on_disk(size)));
  RINGSIDE_TRY(const std::uint64_t stored, write(sha256, frame, now));
  total_ += stored;
  return sha256;
}

Result<Bytes> EvidenceStore::load(const std::string& sha256) const {
  if (!is_sha256(sha256))
    return fail(Errc::invalid_argument, fmt::format("\"{}\" is no SHA-256", sha256.substr(0, 80)),
                "it is 64 hexadecimal digits, as `ringside evidence ls` shows them");
  const File file(file_of(sha256), O_RDONLY | O_NONBLOCK);
  if (!file && errno == ENOENT) return fail(Errc::not_found, fmt::format("there is no evidence {}", sha256));
  const auto changed = [&](std::string_view how) {
    return fail(Errc::mismatch, fmt::format("evidence {} was changed: {}", sha256, how));
  };
  if (!file && errno == ELOOP) return changed("it is a symbolic link");
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0) return fail(failed(file_of(sha256), errno));
  const std::size_t most = ZSTD_compressBound(kMaxPiece);
  if (!S_ISREG(status.st_mode) || static_cast<std::uint64_t>(status.st_size) > most)
    return changed("it is no file of a piece's size");
  const auto frame = read_up_to(file.get(), static_cast<std::size_t>(status.st_size));
  if (!frame) return fail(failed(file_of(sha256), errno));
  auto bytes = decompress(*frame);
  if (!bytes) return changed(bytes.error().message);
  if (sha256_hex(*bytes) != sha256) return changed("it does not have its hash");
  return bytes;
}

Result<std::vector<EvidenceStore::Piece>> EvidenceStore::list() const {
  std::vector<Piece> pieces;
  RINGSIDE_CHECK(each_entry(directory_, [&](const fs::path& path) -> Result<void> {
    const std::string sha256 = piece_name(path);
    struct stat status {};
    if (sha256.empty() || ::lstat(path.c_str(), &status) != 0) return {};
    Piece piece{sha256, 0, on_disk(static_cast<std::uint64_t>(status.st_size)), as_moment(status.st_mtim)};
    if (const File file(path.string(), O_RDONLY | O_NONBLOCK); file && S_ISREG(status.st_mode)) {
      const auto header = read_up_to(file.get(), kLongestHeader);
      const auto size = header ? ZSTD_getFrameContentSize(header->data(), header->size()) : 0;
      if (size != ZSTD_CONTENTSIZE_ERROR && size != ZSTD_CONTENTSIZE_UNKNOWN) piece.bytes = size;
    }
    pieces.push_back(std::move(piece));
    return {};
  }));
  std::sort(pieces.begin(), pieces.end(), [](const Piece& a, const Piece& b) {
    return a.kept != b.kept ? a.kept > b.kept : a.sha256 < b.sha256;
  });
  return pieces;
}

Result<std::vector<EvidenceStore::Damage>> EvidenceStore::verify() const {
  std::vector<Damage> damage;
  RINGSIDE_CHECK(each_entry(directory_, [&](const fs::path& path) -> Result<void> {
    const std::string name = path.filename().string(), sha256 = piece_name(path);
    if (sha256.empty()) {
      if (!name.starts_with(kUnfinished)) damage.push_back({name, "no piece of evidence has such a name"});
      return {};
    }
    // Gone between the listing and the look is no damage: the bound takes the oldest at any time.
    const auto loaded = load(sha256);
    if (!loaded && loaded.error().code != Errc::not_found) damage.push_back({sha256, loaded.error().message});
    return {};
  }));
  std::sort(damage.begin(), damage.end(), [](const Damage& a, const Damage& b) { return a.name < b.name; });
  return damage;
}

}  // namespace ringside::agent
