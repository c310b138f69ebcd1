// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/memory/physical_memory.h"
#include "policies/engine/database.h"
#include "policies/tables/table.h"
#include "tests/support/recorded_guests.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace ringside::testing {

/// A recorded guest whose memory a hostile kernel has written to. The recorded pages are shared; what is
/// changed is changed in a copy.
class MutatedGuest final : public guest::memory::PhysicalMemory {
 public:
  explicit MutatedGuest(const guest::Snapshot& recorded) : recorded_(recorded) {
    for (const auto& [gpa, page] : recorded.pages()) pages_.push_back(gpa);
    std::sort(pages_.begin(), pages_.end());
  }

  std::size_t pages() const { return pages_.size(); }
  /// Overwrites bytes of the page that is `index`th by address, modulo their number.
  void overwrite(std::size_t index, std::size_t offset, ByteView bytes) {
    const std::uint64_t gpa = pages_.at(index % pages_.size());
    auto found = changed_.find(gpa);
    if (found == changed_.end()) found = changed_.emplace(gpa, *recorded_.pages().at(gpa)).first;
    for (std::size_t i = 0; i < bytes.size(); ++i) found->second[(offset + i) % guest::kPageSize] = bytes[i];
  }

  /// Writes within one page; a page that was not recorded is one of zeros then.
  void write(guest::Gpa gpa, ByteView bytes) {
    const guest::Gpa page = guest::page_of(gpa);
    auto found = changed_.find(page.value);
    if (found == changed_.end()) {
      const auto held = recorded_.pages().find(page.value);
      found =
          changed_
              .emplace(page.value, held == recorded_.pages().end() ? guest::Snapshot::Page{} : *held->second)
              .first;
    }
    std::memcpy(found->second.data() + (gpa - page), bytes.data(), bytes.size());
  }
  void write(guest::Gpa gpa, std::uint64_t value) {
    write(gpa, ByteView(reinterpret_cast<const std::byte*>(&value), 8));
  }

  /// Finds the kernel and reads every table to its last column. Only that it comes back matters.
  void look() {
    guest::Snapshot snapshot(recorded_.info(), recorded_.kept_cpus(), *this);
    const auto database = policies::Database::create();
    if (!database) throw std::runtime_error(database.error().message);
    (*database)->bind(&snapshot);
    for (const auto& table : policies::tables()) {
      std::string columns = "count(*)";
      for (const auto& column : table.columns) columns += ", count(\"" + std::string(column.name) + "\")";
      (void)(*database)->query("SELECT " + columns + " FROM " + std::string(table.name));
    }
  }

  const guest::memory::MemoryMap& map() const override { return recorded_.map(); }
  std::string_view backend() const override { return "mutated"; }
  bool stops_guest() const override { return false; }

 protected:
  void read_pieces(std::span<Piece> pieces) override {
    for (Piece& piece : pieces) {
      for (std::size_t done = 0; done < piece.into.size() && !piece.error;) {
        const guest::Gpa gpa = piece.gpa + done, page = guest::page_of(gpa);
        const std::size_t here =
            std::min<std::uint64_t>(piece.into.size() - done, guest::kPageSize - (gpa - page));
        if (const auto changed = changed_.find(page.value); changed != changed_.end())
          std::memcpy(piece.into.data() + done, changed->second.data() + (gpa - page), here);
        else if (const auto held = recorded_.pages().find(page.value); held != recorded_.pages().end())
          std::memcpy(piece.into.data() + done, held->second->data() + (gpa - page), here);
        else
          piece.error = Error{Errc::unavailable, "not recorded"};
        done += here;
      }
    }
  }

 private:
  const guest::Snapshot& recorded_;
  std::vector<std::uint64_t> pages_;
  std::map<std::uint64_t, guest::Snapshot::Page> changed_;
};

}  // namespace ringside::testing
