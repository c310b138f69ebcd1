// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/views/vdso_pages.h"

#include "guest/linux/object_reader.h"
#include "guest/linux/user_memory.h"

#include <fmt/format.h>

#include <array>

namespace ringside::guest::linux {

namespace {

using Frame = std::array<std::byte, kPageSize>;

/// One page of the image beside the one that the process has there; nullopt: it has none in memory.
Result<std::optional<VdsoPage>> compare(Kernel& kernel, ProcessMemory& memory, const VdsoImage& image,
                                        Gva gva, std::uint64_t offset) {
  RINGSIDE_TRY(const UserPage mapped, memory.page(gva));
  if (mapped.state != UserPageState::mapped) return std::nullopt;
  VdsoPage page;
  page.gva = gva;
  page.offset = offset;
  page.gpa = mapped.gpa + (gva - mapped.gva);
  page.executable = mapped.permissions.executable;
  page.writable = mapped.permissions.writable;
  RINGSIDE_TRY(const Gpa own, kernel.space().translate(image.data + offset));
  page.image_gpa = own;
  if (page.gpa != page.image_gpa) {
    Frame theirs, ours;
    RINGSIDE_CHECK(kernel.snapshot().read(page.gpa, theirs));
    RINGSIDE_CHECK(kernel.space().read(image.data + offset, ours));
    page.same_content = theirs == ours;
  }
  return page;
}

}  // namespace

Result<VdsoImage> vdso_image(Kernel& kernel, Gva gva) {
  RINGSIDE_TRY(const Field data, kernel.field("vdso_image", "data"));
  RINGSIDE_TRY(const Field size, kernel.field("vdso_image", "size"));
  VdsoImage image{gva, Gva{0}, 0};
  RINGSIDE_TRY(image.data, kernel.read_pointer_field(gva, data));
  RINGSIDE_TRY(image.size, kernel.read_field(gva, size));
  if (image.size == 0 || image.size > kMaxVdsoBytes || image.size % kPageSize != 0 ||
      page_of(image.data) != image.data)
    return fail(Errc::out_of_bounds, fmt::format("what should describe a vDSO at {} has {} bytes at {}",
                                                 to_string(gva), image.size, to_string(image.data)));
  return image;
}

Result<Listing<VdsoImage>> vdso_images(Kernel& kernel) {
  constexpr std::array kNames = {"vdso_image_64", "vdso64_image",   "vdso_image_32",
                                 "vdso32_image",  "vdso_image_x32", "vdsox32_image"};
  Listing<VdsoImage> listing;
  bool any = false;
  for (const auto* name : kNames) {
    const auto at = kernel.find_symbol(name);
    if (!at) continue;
    any = true;
    if (auto image = vdso_image(kernel, *at))
      listing.entries.push_back(*image);
    else
      listing.problem(image.error().within(name));
  }
  if (!any) return fail(Errc::not_found, "this kernel has no symbol of a vDSO image");
  return listing;
}

Result<ProcessVdso> process_vdso(Kernel& kernel, Gva mm) {
  RINGSIDE_TRY(const Field start, kernel.field("mm_struct", "context.vdso"));
  RINGSIDE_TRY(const Field image, kernel.field("mm_struct", "context.vdso_image"));
  ProcessVdso vdso;
  RINGSIDE_TRY(vdso.start, kernel.read_pointer_field(mm, start));
  RINGSIDE_TRY(const Gva at, kernel.read_pointer_field(mm, image));
  if (at == Gva{0} || vdso.start == Gva{0}) return vdso;
  RINGSIDE_TRY(vdso.image, vdso_image(kernel, at));
  RINGSIDE_TRY(auto memory, ProcessMemory::of(kernel, mm));
  for (std::uint64_t offset = 0; offset < vdso.image->size; offset += kPageSize) {
    RINGSIDE_TRY(auto page, compare(kernel, memory, *vdso.image, vdso.start + offset, offset));
    if (page) vdso.pages.push_back(*page);
  }
  return vdso;
}

}  // namespace ringside::guest::linux
