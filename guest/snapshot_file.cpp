// SPDX-License-Identifier: Apache-2.0
#include "guest/snapshot_file.h"

#include "guest/atomic_file.h"
#include "guest/snapshot_metadata.h"
#include "guest/snapshot_stream.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace ringside::guest {

namespace {

// The layout is described in docs/snapshot-format.md.
constexpr std::string_view kMagic = "RINGSNAP";
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kHeaderSize = 32;
constexpr std::uint64_t kMaxMetadata = 16u << 20;
constexpr std::uint64_t kMaxPages = (std::uint64_t{64} << 30) / kPageSize;

struct Header {
  std::uint64_t metadata_size = 0;
  std::uint64_t page_count = 0;
};

template <class T>
ByteView bytes_of(const T& value) {
  return std::as_bytes(std::span(&value, 1));
}

Bytes write_header(const Header& header) {
  Bytes bytes;
  const auto add = [&bytes](ByteView field) { bytes.insert(bytes.end(), field.begin(), field.end()); };
  const std::uint32_t flags = 0;
  add(as_bytes(kMagic));
  add(bytes_of(kVersion));
  add(bytes_of(flags));
  add(bytes_of(header.metadata_size));
  add(bytes_of(header.page_count));
  return bytes;
}

Result<Header> parse_header(ByteView file) {
  if (file.size() < kMagic.size() || std::memcmp(file.data(), kMagic.data(), kMagic.size()) != 0)
    return fail(Errc::malformed, "this is no snapshot file");
  if (file.size() < kHeaderSize + sizeof(Sha256Digest))
    return fail(Errc::malformed, "the snapshot file is cut short");
  const std::uint32_t version = load_le<std::uint32_t>(file, 8).value();
  if (version != kVersion)
    return fail(Errc::malformed,
                "the snapshot file has format version " + std::to_string(version) + ", not " +
                    std::to_string(kVersion),
                "a newer ringside may read it");
  if (load_le<std::uint32_t>(file, 12).value() != 0)
    return fail(Errc::malformed, "the snapshot file uses features that this ringside does not know");
  const Header header{load_le<std::uint64_t>(file, 16).value(), load_le<std::uint64_t>(file, 24).value()};
  if (header.metadata_size > kMaxMetadata || header.page_count > kMaxPages)
    return fail(Errc::malformed, "the snapshot file claims more than a snapshot can hold");
  return header;
}

/// What stands behind a loaded snapshot: nothing but its map. The pages of the file are in the snapshot
/// already.
class SnapshotMemory final : public memory::PhysicalMemory {
 public:
  explicit SnapshotMemory(memory::MemoryMap map) : map_(std::move(map)) {}
  const memory::MemoryMap& map() const override { return map_; }
  std::string_view backend() const override { return "snapshot"; }
  bool stops_guest() const override { return false; }

 protected:
  void read_pieces(std::span<Piece> pieces) override {
    for (Piece& piece : pieces)
      piece.error =
          Error{Errc::unavailable, "page " + to_string(page_of(piece.gpa)) + " is not in the snapshot file"};
  }

 private:
  memory::MemoryMap map_;
};

/// True if memory stands behind every byte of the page.
bool is_memory(const memory::MemoryMap& map, Gpa page) {
  for (Gpa gpa = page; gpa - page < kPageSize;) {
    const memory::MemoryRange* range = map.find(gpa);
    if (!range) return false;
    gpa = range->end();
  }
  return true;
}

}  // namespace

Result<void> save_snapshot(const Snapshot& snapshot, const std::string& path, Compression compression) {
  std::vector<std::uint64_t> gpas;
  for (const auto& [gpa, page] : snapshot.pages()) gpas.push_back(gpa);
  std::sort(gpas.begin(), gpas.end());
  const std::string metadata = write_metadata({snapshot.info(), snapshot.map(), snapshot.kept_cpus()});
  if (metadata.size() > kMaxMetadata || gpas.size() > kMaxPages)
    return fail(Errc::oversized, "the snapshot is too large for a snapshot file");

  RINGSIDE_TRY(AtomicFile file, AtomicFile::create(path));
  Sha256 checksum;
  const auto write = [&](ByteView bytes) {
    checksum.add(bytes);
    return file.write(bytes);
  };
  RINGSIDE_CHECK(write(write_header({metadata.size(), gpas.size()})));
  Compressor body(write, compression);
  RINGSIDE_CHECK(body.add(as_bytes(metadata)));
  for (const std::uint64_t gpa : gpas) {
    RINGSIDE_CHECK(body.add(bytes_of(gpa)));
    RINGSIDE_CHECK(body.add(*snapshot.pages().at(gpa)));
  }
  RINGSIDE_CHECK(body.finish());
  RINGSIDE_CHECK(file.write(checksum.finish()));
  return file.commit();
}

Result<std::unique_ptr<Snapshot>> parse_snapshot(ByteView file) {
  RINGSIDE_TRY(const Header header, parse_header(file));
  const ByteView covered = file.first(file.size() - sizeof(Sha256Digest));
  Sha256 checksum;
  checksum.add(covered);
  if (const Sha256Digest digest = checksum.finish();
      std::memcmp(digest.data(), file.data() + covered.size(), digest.size()) != 0)
    return fail(Errc::malformed, "the snapshot file's checksum is wrong: it is damaged or cut short");

  Decompressor body(covered.subspan(kHeaderSize));
  std::string text(header.metadata_size, '\0');
  RINGSIDE_CHECK(body.read(std::as_writable_bytes(std::span(text))));
  RINGSIDE_TRY(SnapshotMetadata metadata, parse_metadata(text));
  auto snapshot = Snapshot::owned(std::move(metadata.info), std::move(metadata.cpus),
                                  std::make_unique<SnapshotMemory>(std::move(metadata.map)));
  std::optional<std::uint64_t> last;
  for (std::uint64_t i = 0; i < header.page_count; ++i) {
    std::uint64_t gpa = 0;
    RINGSIDE_CHECK(body.read(std::as_writable_bytes(std::span(&gpa, 1))));
    if (page_of(Gpa{gpa}).value != gpa || (last && gpa <= *last) || !is_memory(snapshot->map(), Gpa{gpa}))
      return fail(Errc::malformed, "the snapshot file holds a page at " + hex_address(gpa) +
                                       " that is out of order or no memory");
    last = gpa;
    auto page = std::make_unique<Snapshot::Page>();
    RINGSIDE_CHECK(body.read(*page));
    snapshot->pages_.emplace(gpa, std::move(page));
  }
  RINGSIDE_CHECK(body.expect_end());
  return snapshot;
}

Result<std::unique_ptr<Snapshot>> load_snapshot(const std::string& path) {
  std::ifstream stream(path, std::ios::binary | std::ios::ate);
  const std::streamoff size = stream ? static_cast<std::streamoff>(stream.tellg()) : -1;
  // A folder opens as a stream too, and claims to be as long as can be.
  if (!stream || size < 0 || static_cast<std::uint64_t>(size) > kMaxPages * kPageSize)
    return fail(Errc::not_found, "cannot open snapshot file " + path);
  Bytes file(static_cast<std::size_t>(size));
  stream.seekg(0);
  if (!stream.read(reinterpret_cast<char*>(file.data()), size))
    return fail(Errc::io, "cannot read snapshot file " + path);
  Result<std::unique_ptr<Snapshot>> snapshot = parse_snapshot(file);
  if (!snapshot) return fail(snapshot.error().within(path));
  return snapshot;
}

bool is_snapshot_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::array<char, kMagic.size()> start{};
  return file.read(start.data(), start.size()) && std::string_view(start.data(), start.size()) == kMagic;
}

}  // namespace ringside::guest
