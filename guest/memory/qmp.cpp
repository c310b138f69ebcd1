// SPDX-License-Identifier: Apache-2.0
#include "guest/memory/backends.h"
#include "guest/memory/exchange_file.h"
#include "guest/memory/read_meter.h"
#include "qmp/commands.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace ringside::guest::memory {

namespace {

constexpr std::uint64_t kMaxRun = 1u << 20;   // what QEMU's main loop is held for at once: about 2 ms
constexpr std::uint64_t kMaxGap = 64u << 10;  // writing this much more is cheaper than another command

class QmpMemory final : public PhysicalMemory {
 public:
  QmpMemory(MemoryMap map, qmp::Monitor& monitor, std::string directory)
      : map_(std::move(map)), monitor_(monitor), directory_(std::move(directory)) {}

  const MemoryMap& map() const override { return map_; }
  std::string_view backend() const override { return "qmp"; }
  bool stops_guest() const override { return false; }

 protected:
  void read_pieces(std::span<Piece> pieces) override {
    save_pieces(pieces);
    meter_.count(pieces);
  }

 private:
  void save_pieces(std::span<Piece> pieces) {
    Result<ExchangeFile> file = ExchangeFile::create(directory_);
    if (!file) return fail_all(pieces, file.error());
    std::vector<Part> parts = split(pieces);
    for (std::size_t first = 0; first < parts.size();) {
      const std::size_t end = run_end(parts, first);
      const auto run = std::span(parts).subspan(first, end - first);
      if (const Result<void> read = read_run(*file, run); !read) {
        for (const Part& part : run) part.piece->error = read.error();
        // After anything but a plain refusal QEMU may still write to the file, at any time: it cannot be used
        // again.
        if (read.error().code != Errc::peer_error) {
          for (const Part& part : std::span(parts).subspan(end)) part.piece->error = read.error();
          return;
        }
      }
      first = end;
    }
  }

  /// At most kMaxRun bytes of one piece.
  struct Part {
    Piece* piece;
    Gpa gpa;
    std::span<std::byte> into;
  };

  static std::vector<Part> split(std::span<Piece> pieces) {
    std::vector<Part> parts;
    for (Piece& piece : pieces)
      for (std::size_t done = 0; done < piece.into.size(); done += kMaxRun)
        parts.push_back({&piece, piece.gpa + done,
                         piece.into.subspan(done, std::min<std::size_t>(kMaxRun, piece.into.size() - done))});
    std::stable_sort(parts.begin(), parts.end(), [](const Part& a, const Part& b) { return a.gpa < b.gpa; });
    return parts;
  }

  /// One past the last part that one command can serve together with `first`. A run stays inside one range:
  /// what lies between its parts is written too, and must be no MMIO.
  static std::size_t run_end(const std::vector<Part>& parts, std::size_t first) {
    Gpa end = parts[first].gpa + parts[first].into.size();
    std::size_t next = first + 1;
    for (; next < parts.size(); ++next) {
      const Part& part = parts[next];
      const Gpa part_end = part.gpa + part.into.size();
      if (part.piece->range != parts[first].piece->range || part_end - parts[first].gpa > kMaxRun ||
          (part.gpa > end && part.gpa - end > kMaxGap))
        break;
      end = std::max(end, part_end);
    }
    return next;
  }

  Result<void> read_run(ExchangeFile& file, std::span<const Part> run) {
    const Gpa start = run.front().gpa;
    std::uint64_t size = 0;
    for (const Part& part : run) size = std::max(size, part.gpa - start + part.into.size());
    RINGSIDE_CHECK(file.clear());
    if (const auto saved = monitor_.call(qmp::pmemsave(start.value, size, file.path())); !saved) {
      Error error = saved.error().within("cannot read guest memory at " + to_string(start) + " by pmemsave");
      if (error.code == Errc::closed) error.code = Errc::gone;
      if (error.code == Errc::peer_error && error.hint.empty())
        error.hint = "QEMU must be able to write to " + directory_ + " under that very path";
      return fail(std::move(error));
    }
    for (const Part& part : run) RINGSIDE_CHECK(file.read(part.gpa - start, part.into, size));
    return {};
  }

  static void fail_all(std::span<Piece> pieces, const Error& error) {
    for (Piece& piece : pieces) piece.error = error;
  }

  MemoryMap map_;
  qmp::Monitor& monitor_;
  std::string directory_;
  ReadMeter meter_{"qmp"};
};

}  // namespace

std::unique_ptr<PhysicalMemory> make_qmp_memory(MemoryMap map, qmp::Monitor& monitor,
                                                std::string exchange_directory) {
  return std::make_unique<QmpMemory>(std::move(map), monitor, std::move(exchange_directory));
}

}  // namespace ringside::guest::memory
