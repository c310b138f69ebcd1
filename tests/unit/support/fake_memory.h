// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/memory/physical_memory.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace ringside::testing {

/// Guest-physical memory that a test fills. Sparse: gigabytes of zeros cost nothing. Failures can be put on
/// pages, and it counts what it was asked.
class FakeMemory : public guest::memory::PhysicalMemory {
 public:
  using Gpa = guest::Gpa;

  /// One RAM range [0, ram_size).
  explicit FakeMemory(std::uint64_t ram_size) : FakeMemory(one_range(ram_size)) {}
  explicit FakeMemory(guest::memory::MemoryMap map) : map_(std::move(map)) {}

  void write(Gpa gpa, ByteView bytes) {
    for (std::size_t i = 0; i < bytes.size(); ++i) byte_at(gpa + i) = bytes[i];
  }
  template <class T>
  void put(Gpa gpa, const T& value) {
    write(gpa, std::as_bytes(std::span(&value, 1)));
  }

  /// Reads that touch this page fail with `error` until heal().
  void fail_page(Gpa page, Error error) { failures_[guest::page_of(page).value] = std::move(error); }
  /// Every read fails with `error` until heal().
  void fail_all(Error error) { failure_ = std::move(error); }
  void heal() {
    failures_.clear();
    failure_.reset();
  }

  std::size_t calls() const { return calls_; }    ///< read_pieces() calls
  std::size_t pieces() const { return pieces_; }  ///< pieces in all of them
  std::size_t bytes() const { return bytes_; }    ///< bytes in all of them
  void reset_counters() { calls_ = pieces_ = bytes_ = 0; }

  const guest::memory::MemoryMap& map() const override { return map_; }
  std::string_view backend() const override { return "fake"; }
  bool stops_guest() const override { return false; }

 protected:
  void read_pieces(std::span<Piece> pieces) override {
    ++calls_;
    for (Piece& piece : pieces) {
      ++pieces_;
      bytes_ += piece.into.size();
      piece.error = failure_;
      for (std::size_t done = 0; done < piece.into.size() && !piece.error;) {
        const Gpa gpa = piece.gpa + done, page = guest::page_of(gpa);
        const std::size_t here =
            std::min<std::uint64_t>(piece.into.size() - done, guest::kPageSize - (gpa - page));
        if (const auto failing = failures_.find(page.value); failing != failures_.end())
          piece.error = failing->second;
        const auto held = store_.find(page.value);
        if (held == store_.end())
          std::memset(piece.into.data() + done, 0, here);
        else
          std::memcpy(piece.into.data() + done, held->second->data() + (gpa - page), here);
        done += here;
      }
    }
  }

 private:
  using Page = std::array<std::byte, guest::kPageSize>;

  static guest::memory::MemoryMap one_range(std::uint64_t size) {
    std::vector<guest::memory::MemoryRange> ranges(1);
    ranges[0].size = size;
    ranges[0].block = "pc.ram";
    return guest::memory::MemoryMap::create(std::move(ranges)).value();
  }
  std::byte& byte_at(Gpa gpa) {
    auto& page = store_[guest::page_of(gpa).value];
    if (!page) page = std::make_unique<Page>(Page{});
    return (*page)[gpa - guest::page_of(gpa)];
  }

  guest::memory::MemoryMap map_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Page>> store_;
  std::map<std::uint64_t, Error> failures_;
  std::optional<Error> failure_;
  std::size_t calls_ = 0, pieces_ = 0, bytes_ = 0;
};

}  // namespace ringside::testing
