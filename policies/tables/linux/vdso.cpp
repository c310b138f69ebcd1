// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/views/vdso_pages.h"
#include "policies/tables/linux/address_names.h"
#include "policies/tables/linux/each_process.h"
#include "policies/tables/linux/view_tables.h"

#include <openssl/evp.h>

#include <array>

namespace ringside::policies {

namespace {

namespace linux = guest::linux;

constexpr std::size_t kProcessColumns = 11;  // without those that name the image

bool add_process(const linux::Task& task, const linux::ProcessVdso& vdso, AddressNames& names,
                 RowSink& sink) {
  const auto add = [&](const linux::VdsoPage* page) {
    std::vector<Value> row = {std::int64_t{task.tgid}, cell(task.comm), cell(task.mm->value),
                              cell(vdso.image->gva.value)};
    if (page == nullptr)
      row.insert(row.end(), kProcessColumns - row.size(), null_cell());
    else
      row.insert(row.end(), {cell(page->gva.value), cell(page->offset), cell(page->gpa.value),
                             cell(page->image_gpa.value), cell(page->executable), cell(page->writable),
                             cell(page->same_content)});
    names.add(row, vdso.image->gva.value);
    return sink.row(std::move(row));
  };
  if (vdso.pages.empty()) return add(nullptr);
  for (const auto& page : vdso.pages)
    if (!add(&page)) return false;
  return true;
}

Result<void> fill_processes(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink) {
  RINGSIDE_TRY(linux::Kernel* const kernel, linux::Kernel::of(snapshot));
  // Where the layout is not known that is said once, not for each process.
  RINGSIDE_CHECK(kernel->field("mm_struct", "context.vdso_image"));
  AddressNames names(snapshot, request, kProcessColumns, sink);
  return each_process(*kernel, request, sink, [&](const linux::Task& task) {
    if (!task.mm || *task.mm == guest::Gva{0}) return true;
    const auto vdso = linux::process_vdso(*kernel, *task.mm);
    if (!vdso) {
      sink.incomplete(vdso.error().within("vDSO of process " + std::to_string(task.tgid)));
      return true;
    }
    return !vdso->image || add_process(task, *vdso, names, sink);
  });
}

/// SHA-256 of what the image holds now, in hexadecimal.
Result<std::string> digest(linux::Kernel& kernel, const linux::VdsoImage& image) {
  Bytes bytes(image.size);
  RINGSIDE_CHECK(kernel.space().read(image.data, bytes));
  std::array<std::byte, EVP_MAX_MD_SIZE> hash{};
  unsigned size = 0;
  EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(hash.data()), &size, EVP_sha256(),
             nullptr);
  return to_hex(ByteView(hash).first(size));
}

Result<void> fill_images(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink) {
  RINGSIDE_TRY(linux::Kernel* const kernel, linux::Kernel::of(snapshot));
  RINGSIDE_TRY(const auto images, linux::vdso_images(*kernel));
  report_problems(images, sink);
  AddressNames names(snapshot, request, 4, sink);
  for (const auto& image : images.entries) {
    const auto hash = digest(*kernel, image);
    if (!hash) sink.incomplete(hash.error().within("vDSO at " + to_string(image.data)));
    std::vector<Value> row = {cell(image.gva.value), cell(image.data.value), cell(image.size),
                              hash ? cell(*hash) : null_cell()};
    names.add(row, image.gva.value);
    if (!sink.row(std::move(row))) break;
  }
  return {};
}

}  // namespace

Table process_vdso_table() {
  using enum ColumnType;
  return {.name = "process_vdso",
          .doc =
              "Linux: the pages of the vDSO, code that the kernel lends to every process, as each process "
              "has them.",
          .columns = with_address_names(
              {{"pid", integer, "process id, in the first pid namespace"},
               {"comm", text, "name, at most 15 bytes"},
               {"mm", address, "its struct mm_struct"},
               {"image", address, "struct vdso_image that its mm names"},
               {"gva", address, "the page in the process; NULL: none is in its page tables yet"},
               {"offset", integer, "of the page in the image"},
               {"gpa", address, "frame that the process has there"},
               {"image_gpa", address, "frame of the image itself"},
               {"executable", boolean, "the process can run it"},
               {"writable", boolean, "the process can write it"},
               {"same_content", boolean, "it holds what the image holds, in whatever frame"}}),
          .pushdown = {"pid"},
          .identity = {"pid", "gva"},
          .example = "SELECT pid, comm, gva FROM process_vdso WHERE gpa <> image_gpa",
          .in_baseline = false,
          .baseline_where = {},
          .fill = fill_processes};
}

Table vdso_images_table() {
  using enum ColumnType;
  constexpr auto kept = Stability::kept;
  return {.name = "vdso_images",
          .doc = "Linux: the images of the vDSO in the kernel's read-only data.",
          .columns = with_address_names({{"gva", address, "struct vdso_image", kept},
                                         {"data", address, "the image, an ELF file", kept},
                                         {"size", integer, "bytes"},
                                         {"sha256", text, "of the image as it is now"}}),
          .pushdown = {},
          .identity = {"gva"},
          .example = "SELECT symbol, size, sha256 FROM vdso_images",
          .in_baseline = true,
          .baseline_where = {},
          .fill = fill_images};
}

}  // namespace ringside::policies
