// SPDX-License-Identifier: Apache-2.0
#include "guest/snapshot.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

namespace ringside::guest {

std::string GuestInfo::key() const {
  if (!uuid.empty()) return uuid;
  return name.empty() ? target : name;
}

Snapshot::Snapshot(GuestInfo info, std::vector<x86::CpuState> cpus, memory::PhysicalMemory& memory)
    : info_(std::move(info)), cpus_(std::move(cpus)), memory_(&memory) {}

std::unique_ptr<Snapshot> Snapshot::owned(GuestInfo info, std::vector<x86::CpuState> cpus,
                                          std::unique_ptr<memory::PhysicalMemory> memory) {
  auto snapshot = std::make_unique<Snapshot>(std::move(info), std::move(cpus), *memory);
  snapshot->owned_memory_ = std::move(memory);
  return snapshot;
}

const std::vector<x86::CpuState>& Snapshot::cpus(RegisterGroups used) {
  if (recorder_) recorder_->note(used);
  return cpus_;
}

Result<const std::byte*> Snapshot::fetch(Gpa page) {
  if (const auto held = pages_.find(page.value); held != pages_.end()) return held->second->data();
  auto failed = failed_.find(page.value);
  if (failed == failed_.end()) {
    auto bytes = std::make_unique<Page>();
    Result<void> read = memory_->read(page, *bytes);
    if (read) return pages_.emplace(page.value, std::move(bytes)).first->second->data();
    failed = failed_.emplace(page.value, std::move(read).error()).first;
  }
  if (recorder_) recorder_->note_unreadable(page);
  return fail(failed->second);
}

Result<void> Snapshot::read(Gpa gpa, std::span<std::byte> into) {
  if (!into.empty() && into.size() - 1 > std::numeric_limits<std::uint64_t>::max() - gpa.value) {
    if (recorder_) recorder_->note_unreadable(page_of(gpa));
    return fail(Errc::not_ram, "a read of " + std::to_string(into.size()) +
                                   " bytes at guest-physical address " + to_string(gpa) +
                                   " runs past the end of physical memory");
  }
  while (!into.empty()) {
    const Gpa page = page_of(gpa);
    const std::uint64_t offset = gpa - page;
    const std::size_t here = std::min<std::uint64_t>(into.size(), kPageSize - offset);
    RINGSIDE_TRY(const std::byte* bytes, fetch(page));
    std::memcpy(into.data(), bytes + offset, here);
    if (recorder_) recorder_->note(gpa, into.first(here));
    into = into.subspan(here);
    gpa = gpa + here;
  }
  return {};
}

Result<std::span<const std::byte, kPageSize>> Snapshot::page(Gpa page) {
  page = page_of(page);
  RINGSIDE_TRY(const std::byte* bytes, fetch(page));
  const std::span<const std::byte, kPageSize> whole(bytes, kPageSize);
  if (recorder_) recorder_->note(page, whole);
  return whole;
}

void Snapshot::prefetch(std::span<const Gpa> pages) {
  std::vector<std::pair<Gpa, std::unique_ptr<Page>>> wanted;
  wanted.reserve(pages.size());
  for (Gpa page : pages) {
    page = page_of(page);
    if (!pages_.contains(page.value) && !failed_.contains(page.value)) wanted.emplace_back(page, nullptr);
  }
  std::sort(wanted.begin(), wanted.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  wanted.erase(std::unique(wanted.begin(), wanted.end(),
                           [](const auto& a, const auto& b) { return a.first == b.first; }),
               wanted.end());
  std::vector<memory::ReadRequest> requests;
  requests.reserve(wanted.size());
  for (auto& [page, bytes] : wanted) {
    bytes = std::make_unique<Page>();
    requests.push_back({page, *bytes});
  }
  memory_->read(requests);
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (requests[i].error)
      failed_.emplace(wanted[i].first.value, std::move(*requests[i].error));
    else
      pages_.emplace(wanted[i].first.value, std::move(wanted[i].second));
  }
}

std::size_t Snapshot::peek(Gpa gpa, std::span<std::byte> into) {
  // A run is read in one request; if that fails, page by page.
  constexpr std::size_t kRun = 2u << 20;
  std::size_t real = 0;
  std::vector<memory::ReadRequest> requests;
  const auto read_pages = [&](Gpa at, std::span<std::byte> run) {
    while (!run.empty()) {
      const Gpa page = page_of(at);
      const std::size_t here = std::min<std::uint64_t>(run.size(), kPageSize - (at - page));
      if (const auto held = pages_.find(page.value); held != pages_.end()) {
        std::memcpy(run.data(), held->second->data() + (at - page), here);
        real += here;
      } else if (memory_->read(at, run.first(here))) {
        real += here;
      } else {
        std::fill_n(run.begin(), here, std::byte{0});
      }
      run = run.subspan(here);
      at = at + here;
    }
  };
  while (!into.empty()) {
    const std::size_t here = std::min<std::uint64_t>(into.size(), kRun);
    const auto run = into.first(here);
    requests.assign(1, {gpa, run});
    memory_->read(requests);
    if (requests[0].error)
      read_pages(gpa, run);
    else
      real += here;
    into = into.subspan(here);
    gpa = gpa + here;
    if (gpa.value < here) break;  // past the top of physical memory
  }
  std::fill(into.begin(), into.end(), std::byte{0});
  return real;
}

ReadSet* Snapshot::record_into(ReadSet* recorder) {
  ++recordings_;
  return std::exchange(recorder_, recorder);
}

}  // namespace ringside::guest
