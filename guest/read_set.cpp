// SPDX-License-Identifier: Apache-2.0
#include "guest/read_set.h"

#include "guest/memory/in_place.h"

#include <algorithm>
#include <cstring>

namespace ringside::guest {

namespace {

using x86::CpuState;

constexpr std::size_t kSettleAt = 64u << 10;  // noted bytes below which merging early is not worth it
/// What is read again in one call: megabytes are compared while they are still in the CPU's cache.
constexpr std::size_t kBatch = 256u << 10;

/// Room to read into. One for each read set would be most of what a small one costs.
struct Room {
  Bytes buffer;
  std::vector<memory::ReadRequest> requests;
};

bool general_equal(const CpuState& a, const CpuState& b) {
  return a.gpr == b.gpr && a.rip == b.rip && a.rflags == b.rflags && a.cpl == b.cpl && a.halted == b.halted &&
         a.es == b.es && a.cs == b.cs && a.ss == b.ss && a.ds == b.ds && a.fs == b.fs && a.gs == b.gs &&
         a.cr2 == b.cr2 && a.dr == b.dr;
}

/// CR4.PGE is left out: a kernel clears and sets it to flush the TLB (Linux arch/x86/mm/tlb.c).
bool control_equal(const CpuState& a, const CpuState& b) {
  return a.cr0 == b.cr0 && ((a.cr4 ^ b.cr4) & ~x86::cr4::kPge) == 0 && a.efer == b.efer;
}

bool tables_equal(const CpuState& a, const CpuState& b) {
  return a.gdt == b.gdt && a.idt == b.idt && a.ldt == b.ldt && a.tr == b.tr;
}

/// Known and unknown are never equal, nor are two different reasons for not knowing.
bool msrs_known_alike(const CpuState& a, const CpuState& b) {
  return a.msrs.has_value() == b.msrs.has_value() && (a.msrs || a.msrs_unknown == b.msrs_unknown);
}

bool entry_msrs_equal(const CpuState& a, const CpuState& b) {
  if (!msrs_known_alike(a, b)) return false;
  if (!a.msrs) return true;
  x86::Msrs left = *a.msrs, right = *b.msrs;
  left.kernel_gs_base = right.kernel_gs_base = 0;  // has a group of its own
  return left == right;
}

bool swapped_equal(const CpuState& a, const CpuState& b) {
  return msrs_known_alike(a, b) && (!a.msrs || a.msrs->kernel_gs_base == b.msrs->kernel_gs_base);
}

bool groups_equal(RegisterGroups groups, const CpuState& a, const CpuState& b) {
  return a.index == b.index && (!has(groups, RegisterGroups::general) || general_equal(a, b)) &&
         (!has(groups, RegisterGroups::control) || control_equal(a, b)) &&
         (!has(groups, RegisterGroups::tables) || tables_equal(a, b)) &&
         (!has(groups, RegisterGroups::msrs) || entry_msrs_equal(a, b)) &&
         (!has(groups, RegisterGroups::root) || a.cr3 == b.cr3) &&
         (!has(groups, RegisterGroups::swapped) || swapped_equal(a, b)) &&
         (!has(groups, RegisterGroups::debug) || a.dr == b.dr);
}

}  // namespace

void ReadSet::note(Gpa gpa, ByteView bytes) {
  if (bytes.empty() || unreadable_) return;
  if (bytes.size() > ~gpa.value) {  // no read can have given this
    unreadable_ = true;
    return;
  }
  if (!pieces_.empty()) {
    // What follows the last note, or repeats it, needs no piece of its own.
    Piece& last = pieces_.back();
    const std::uint64_t into = gpa - last.gpa;
    if (gpa >= last.gpa && into < last.size && bytes.size() <= last.size - into &&
        std::memcmp(bytes_.data() + last.offset + into, bytes.data(), bytes.size()) == 0)
      return;
    if (into == last.size && last.offset + last.size == bytes_.size()) {
      bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
      last.size += bytes.size();
      settled_ = false;
      return;
    }
  }
  pieces_.push_back({gpa, bytes.size(), bytes_.size()});
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  settled_ = false;
  // The same table entries are looked at again and again: merging now and then bounds what repeats cost.
  if (bytes_.size() > kSettleAt && bytes_.size() > 2 * settled_bytes_) settle();
}

void ReadSet::note_unreadable(Gpa) {
  unreadable_ = true;
}

void ReadSet::note(RegisterGroups groups) {
  groups_ = groups_ | groups;
}

std::size_t ReadSet::bytes() {
  settle();
  return bytes_.size();
}

std::size_t ReadSet::pieces() {
  settle();
  return pieces_.size();
}

void ReadSet::settle() {
  if (settled_) return;
  settled_ = true;
  std::stable_sort(pieces_.begin(), pieces_.end(),
                   [](const Piece& a, const Piece& b) { return a.gpa < b.gpa; });
  // Read sets are most of what a watched guest costs in memory: what is kept is as large as it must be.
  std::size_t count = 0, size = 0;
  Gpa end{0};
  for (const Piece& piece : pieces_) {
    const bool apart = count == 0 || piece.gpa > end;
    const Gpa piece_end = piece.gpa + piece.size;
    count += apart ? 1 : 0;
    size += apart ? piece.size : piece_end > end ? piece_end - end : 0;
    end = apart ? piece_end : std::max(end, piece_end);
  }
  std::vector<Piece> merged;
  merged.reserve(count);
  Bytes bytes;
  bytes.reserve(size);
  for (const Piece& piece : pieces_) {
    const std::byte* from = bytes_.data() + piece.offset;
    std::uint64_t known = 0;  // leading bytes of `piece` that are noted already
    if (!merged.empty() && piece.gpa - merged.back().gpa <= merged.back().size) {
      Piece& last = merged.back();
      const std::uint64_t into = piece.gpa - last.gpa;
      known = std::min<std::uint64_t>(piece.size, last.size - into);
      // Two values for one byte: the verdict rests on a state that no single moment had.
      if (std::memcmp(bytes.data() + last.offset + into, from, known) != 0) unreadable_ = true;
      last.size += piece.size - known;
    } else {
      merged.push_back({piece.gpa, piece.size, bytes.size()});
    }
    bytes.insert(bytes.end(), from + known, from + piece.size);
  }
  pieces_ = std::move(merged);
  bytes_ = std::move(bytes);
  settled_bytes_ = bytes_.size();
  stretch();
}

/// Page-table entries come as many small pieces on one page; one request for all of those is far cheaper than
/// one each. Pages are the unit in which snapshots read, so what lies between two pieces on one page is
/// readable too.
void ReadSet::stretch() {
  stretches_.clear();
  for (std::size_t i = 0; i < pieces_.size(); ++i) {
    const Piece& piece = pieces_[i];
    if (!stretches_.empty()) {
      Stretch& last = stretches_.back();
      if (page_of(piece.gpa) == page_of(last.gpa + (last.size - 1))) {
        const std::uint64_t size = piece.gpa + piece.size - last.gpa;
        last.size = size;
        ++last.count;
        continue;
      }
    }
    stretches_.push_back({piece.gpa, piece.size, i, 1});
  }
}

bool ReadSet::unchanged_in(memory::PhysicalMemory& memory) {
  settle();
  if (unreadable_) return false;
  if (auto* in_place = dynamic_cast<memory::InPlaceMemory*>(&memory)) {
    std::optional<bool> same = true;
    for (auto piece = pieces_.begin(); piece != pieces_.end() && same.value_or(false); ++piece)
      same = in_place->holds(piece->gpa, ByteView(bytes_).subspan(piece->offset, piece->size));
    if (same) return *same;
  }
  // Megabytes are compared piecemeal, while they are still in the CPU's cache; a guest that is stopped for
  // each read is stopped once.
  const std::size_t batch = memory.stops_guest() ? ~std::size_t{0} : kBatch;
  thread_local Room shared;
  Room large;  // what is read at once from a guest that stands still may be megabytes, and goes again
  auto& [buffer, requests] = memory.stops_guest() ? large : shared;
  const auto equal = [&](std::size_t piece, std::size_t offset, const std::byte* now, std::size_t size) {
    return std::memcmp(now, bytes_.data() + pieces_[piece].offset + offset, size) == 0;
  };
  for (std::size_t first = 0; first < stretches_.size();) {
    const Stretch& one = stretches_[first];
    if (one.size > batch && one.count == 1) {
      for (std::size_t done = 0; done < one.size; done += batch) {
        const std::size_t size = std::min(batch, one.size - done);
        buffer.resize(std::max(buffer.size(), size));
        if (!memory.read(one.gpa + done, std::span(buffer).first(size)) ||
            !equal(one.first, done, buffer.data(), size))
          return false;
      }
      ++first;
      continue;
    }
    std::size_t end = first, size = 0;
    do {
      size += stretches_[end++].size;
    } while (end < stretches_.size() && stretches_[end].size <= batch && size <= batch);
    buffer.resize(std::max(buffer.size(), size));
    requests.clear();
    std::size_t used = 0;
    for (std::size_t i = first; i < end; ++i) {
      requests.push_back({stretches_[i].gpa, std::span(buffer).subspan(used, stretches_[i].size)});
      used += stretches_[i].size;
    }
    memory.read(requests);
    for (std::size_t i = first; i < end; ++i) {
      const memory::ReadRequest& request = requests[i - first];
      if (request.error) return false;
      for (std::size_t k = stretches_[i].first; k < stretches_[i].first + stretches_[i].count; ++k)
        if (!equal(k, 0, request.into.data() + (pieces_[k].gpa - stretches_[i].gpa), pieces_[k].size))
          return false;
    }
    first = end;
  }
  return true;
}

bool ReadSet::holds_at(Gpa from, Gpa to, std::size_t size, std::size_t stride, std::uint64_t mask,
                       memory::PhysicalMemory& memory) {
  settle();
  Bytes moved;
  for (const Piece& piece : pieces_) {
    if (piece.gpa + piece.size <= from || piece.gpa >= from + size) continue;
    const std::uint64_t first = std::max(piece.gpa, from) - from;
    const std::uint64_t end = std::min(piece.gpa + piece.size, from + size) - from;
    moved.resize(end - first);
    if (!memory.read(to + first, moved)) return false;
    const std::byte* noted = bytes_.data() + piece.offset + (from + first - piece.gpa);
    for (std::size_t i = 0; i < moved.size(); ++i) {
      const auto keep = static_cast<std::byte>(mask >> ((first + i) % stride * 8));
      if (((moved[i] ^ noted[i]) & keep) != std::byte{0}) return false;
    }
  }
  return true;
}

bool ReadSet::registers_equal(const std::vector<CpuState>& before, const std::vector<CpuState>& now) const {
  if (groups_ == RegisterGroups::none) return true;
  return std::equal(before.begin(), before.end(), now.begin(), now.end(),
                    [this](const CpuState& a, const CpuState& b) { return groups_equal(groups_, a, b); });
}

}  // namespace ringside::guest
