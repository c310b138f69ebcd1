// SPDX-License-Identifier: Apache-2.0
#include "agent/daemon/evidence_of.h"

#include "agent/output/format.h"
#include "guest/linux/kernel.h"
#include "guest/x86/instruction.h"
#include "guest/x86/page_tables.h"
#include "policies/tables/kernel_root.h"

#include <array>
#include <set>

namespace ringside::agent {

using guest::Gva;

namespace {

constexpr std::size_t kMaxPages = 8, kCode = 64;

/// The pages at the addresses in a row, through the kernel's page tables, or a vCPU's where there is no
/// kernel.
class Pages {
 public:
  Pages(EvidenceStore& store, guest::Snapshot& snapshot, Moment now)
      : store_(store), snapshot_(snapshot), now_(now) {
    const auto& cpus = snapshot.kept_cpus();
    if (const auto kernel = guest::linux::Kernel::of(snapshot))
      space_ = &(*kernel)->space();
    else if (!cpus.empty())
      space_ = &own_.emplace(snapshot, guest::x86::PagingRoot::of(cpus.front()));
    const bool wide = !cpus.empty() && (cpus.front().efer & guest::x86::efer::kLma) != 0;
    if (auto disassembler = guest::x86::Disassembler::create(wide)) disassembler_ = std::move(*disassembler);
  }

  /// What the description says of one address; its page is kept.
  Json keep(const std::string& column, Gva address, std::vector<std::string>& pieces) {
    Json about = {{"column", column}, {"address", json_address(address.value)}};
    if (space_ == nullptr) return about;
    const Gva page{address.value & ~std::uint64_t{guest::kPageSize - 1}};
    std::array<std::byte, guest::kPageSize> bytes{};
    const auto at = space_->translate(page);
    if (auto read = at ? space_->read(page, bytes) : Result<void>(fail(at.error())); !read) {
      about["unread"] = read.error().message;
      return about;
    }
    about["gpa"] = json_address(at->value);
    const std::size_t offset = address.value - page.value;
    const auto code = ByteView(bytes).subspan(offset, std::min(kCode, bytes.size() - offset));
    about["bytes"] = to_hex(code);
    if (disassembler_) about["code"] = disassembler_->text(code, address);
    if (kept_.size() < kMaxPages && kept_.insert(page.value).second) {
      if (auto piece = store_.keep(bytes, now_)) {
        about["page"] = *piece;
        pieces.push_back(std::move(*piece));
      } else {
        about["page"] = "not kept: " + piece.error().message;
      }
    }
    return about;
  }

 private:
  EvidenceStore& store_;
  guest::Snapshot& snapshot_;
  Moment now_;
  std::optional<guest::AddressSpace> own_;
  guest::AddressSpace* space_ = nullptr;
  std::optional<guest::x86::Disassembler> disassembler_;
  std::set<std::uint64_t> kept_;
};

Json registers(const guest::Snapshot& snapshot) {
  Json all = Json::array();
  for (const auto& cpu : snapshot.kept_cpus())
    all.push_back({{"vcpu", cpu.index},
                   {"rip", json_address(cpu.rip)},
                   {"cr0", json_address(cpu.cr0)},
                   {"cr3", json_address(cpu.cr3)},
                   {"cr4", json_address(cpu.cr4)},
                   {"efer", json_address(cpu.efer)},
                   {"idtr", json_address(cpu.idt.base.value)},
                   {"gdtr", json_address(cpu.gdt.base.value)}});
  return all;
}

}  // namespace

std::vector<std::string> keep_evidence(EvidenceStore& store, guest::Snapshot& snapshot,
                                       const policies::CheckResult& result,
                                       const policies::Violation& violation, Moment now,
                                       std::string& problem) {
  std::vector<std::string> pages;
  Pages reader(store, snapshot, now);
  Json places = Json::array();
  for (std::size_t i = 0; i < violation.columns.size() && i < violation.row.size(); ++i) {
    const auto* value = std::get_if<std::int64_t>(&violation.row[i]);
    if (violation.columns[i].type != policies::ColumnType::address || value == nullptr || *value == 0 ||
        violation.columns[i].name == "gpa")
      continue;
    places.push_back(reader.keep(violation.columns[i].name, Gva{static_cast<std::uint64_t>(*value)}, pages));
  }
  const auto& info = snapshot.info();
  Json description = {{"guest", info.key()},
                      {"qemu", info.qemu_version},
                      {"taken", rfc3339(info.taken)},
                      {"policy", result.policy->name},
                      {"check", result.check->id},
                      {"message", violation.message},
                      {"fingerprint", violation.fingerprint},
                      {"row", json_row(violation.columns, violation.row)},
                      {"registers", registers(snapshot)},
                      {"places", std::move(places)}};
  if (const auto kernel = guest::linux::Kernel::of(snapshot)) {
    const auto& identity = (*kernel)->identity();
    description["kernel"] = {{"release", identity.release}, {"build_id", identity.build_id}};
  }
  std::vector<std::string> pieces;
  const std::string text = description.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  if (auto piece = store.keep(as_bytes(text), now))
    pieces.push_back(std::move(*piece));
  else
    problem = piece.error().message;
  pieces.insert(pieces.end(), pages.begin(), pages.end());
  return pieces;
}

}  // namespace ringside::agent
