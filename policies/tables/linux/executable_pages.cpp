// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/pages/executable_pages.h"

#include "base/bytes.h"
#include "guest/linux/pages/kernel_mappings.h"
#include "guest/snapshot_stream.h"
#include "policies/tables/linux/address_names.h"
#include "policies/tables/linux/pages_tables.h"
#include "policies/tables/linux/support.h"

#include <array>
#include <span>

namespace ringside::policies {

namespace {

namespace linux = guest::linux;

constexpr std::size_t kColumns = 12;  // without those that name the first address
constexpr std::size_t kContent = 8, kContentReason = 9, kContentAt = 10, kState = 11;
constexpr unsigned kMostPagesOfNobody = 4096;  // that are looked into
constexpr std::size_t kDigest = 16;            // bytes of it

Value digest_of(ByteView bytes) {
  guest::Sha256 hash;
  hash.add(bytes);
  const auto digest = hash.finish();
  return cell(to_hex(ByteView(digest).first(kDigest)));
}

/// What tells one state of such pages from another at the same place. A kernel gives the memory of one
/// module's init to the next one, and a pack of BPF holds many programs.
class States {
 public:
  explicit States(linux::Kernel& kernel) : kernel_(kernel) {}

  Value of(const linux::ExecutablePages& pages) {
    if (pages.content == linux::CodeContent::wrong) return digest_of(std::as_bytes(std::span(pages.why)));
    if (pages.owner || ++looked_ > kMostPagesOfNobody) return null_cell();
    std::array<std::byte, guest::kPageSize> page{};
    const auto& mappings = linux::KernelMappings::of(kernel_);
    if (!mappings || !mappings->read(kernel_.snapshot(), pages.first, page)) return null_cell();
    return digest_of(page);
  }

 private:
  linux::Kernel& kernel_;
  unsigned looked_ = 0;
};

Result<void> fill(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink) {
  RINGSIDE_TRY(linux::Kernel* const kernel, linux::Kernel::of(snapshot));
  const bool contents = request.uses(kContent) || request.uses(kContentReason) || request.uses(kContentAt) ||
                        request.uses(kState);
  RINGSIDE_TRY(const auto listing, linux::executable_pages(*kernel, contents));
  report_problems(listing, sink);
  AddressNames names(snapshot, request, kColumns, sink);
  States states(*kernel);
  for (const auto& pages : listing.entries) {
    std::vector<Value> row = {cell(pages.first.value),
                              cell(pages.size),
                              cell(pages.gpa.value),
                              cell(pages.page_size),
                              cell(pages.writable),
                              pages.owner ? cell(to_string(*pages.owner)) : null_cell(),
                              pages.owner_name.empty() ? null_cell() : cell(pages.owner_name),
                              cell_or_null(pages.area),
                              cell(to_string(pages.content)),
                              pages.why.empty() ? null_cell() : cell(pages.why),
                              pages.wrong ? cell(pages.wrong->value) : null_cell(),
                              request.uses(kState) ? states.of(pages) : null_cell()};
    names.add(row, pages.first.value);
    if (!sink.row(std::move(row))) break;
  }
  return {};
}

}  // namespace

Table executable_pages_table() {
  return {
      .name = "executable_pages",
      .doc = "Linux: every executable page of the kernel half, and whose code is there.",
      .columns = with_address_names(
          {{"first", ColumnType::address, "first address", Stability::kept},
           {"size", ColumnType::integer, "bytes of pages side by side with one owner and equal rights"},
           {"gpa", ColumnType::address, "of the first page; the others may lie anywhere", Stability::kept},
           {"page_size", ColumnType::integer, "of each: 4096, 2097152 or 1073741824"},
           {"writable", ColumnType::boolean, "they can be written to where they stand"},
           {"owner", ColumnType::text,
            "kernel_text, module_text, module_init_text, bpf_pack, bpf_program, bpf_image, "
            "ftrace_trampoline, kprobe_slots, optprobe_slots, real_mode, its_thunks, kexec, hypercall, "
            "vsyscall, filler (spare memory, all int3); NULL: nobody that is known"},
           {"owner_name", ColumnType::text, "of the module, program, ...; NULL: the kernel itself"},
           {"area", ColumnType::text,
            "function that asked for the memory; NULL where it is no area of vmalloc"},
           {"content", ColumnType::text,
            "ok, wrong or not_checked: whether they hold what the owner should have put there"},
           {"content_reason", ColumnType::text, "what is wrong, or why it was not checked"},
           {"content_at", ColumnType::address, "where a pack of BPF holds what it should not; NULL: nowhere",
            Stability::kept},
           {"state", ColumnType::bytes,
            "tells what is there from what was there before: SHA-256 (16 bytes) of the first page where "
            "nobody owns it, of "
            "`content_reason` where that is wrong"}}),
      .pushdown = {},
      .identity = {"first"},
      .example = "SELECT first, size, area, symbol FROM executable_pages WHERE owner IS NULL",
      .in_baseline = false,
      .baseline_where = {},
      .fill = fill};
}

}  // namespace ringside::policies
