// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/pages/bpf_code.h"

#include "guest/linux/object_reader.h"
#include "guest/linux/pages/bpf_areas.h"
#include "guest/linux/walkers.h"

namespace ringside::guest::linux {

Listing<BpfProgram> bpf_programs(Kernel& kernel) {
  Listing<BpfProgram> listing;
  if (!kernel.find_symbol("bpf_prog_alloc_no_stats")) return listing;  // built without
  const auto areas = bpf_program_areas(kernel);
  if (!areas) {
    listing.problem(areas.error());
    return listing;
  }
  for (const Error& error : areas->problems) listing.problem(error);
  ObjectReader program(kernel, "bpf_prog"), more(kernel, "bpf_prog_aux");
  const auto code = program.add("bpf_func"), size = program.add("jited_len"), aux = program.add("aux");
  const auto self = more.add("prog"), id = more.add("id");
  const auto fixups = more.add("extable", ObjectReader::Presence::optional),
             fixup_count = more.add("num_exentries", ObjectReader::Presence::optional);
  for (const auto* reader : {&program, &more})
    if (!reader->missing().empty()) {
      listing.problem(reader->missing().front().within("programs of BPF"));
      return listing;
    }
  for (const Gva start : areas->entries) {
    const auto failed = [&](Error error) {
      listing.problem(error.within("the BPF program at " + to_string(start)));
    };
    if (auto read = program.read(start); !read) {
      failed(std::move(read).error());
      continue;
    }
    const Gva behind = program.pointer(aux).value_or(Gva{0});
    // A program that is being made has none yet.
    if (behind.value == 0) continue;
    if (auto read = more.read(behind); !read) {
      failed(std::move(read).error());
      continue;
    }
    BpfProgram found;
    found.address = start;
    found.code = program.pointer(code).value_or(Gva{0});
    found.code_size = program.u32(size).value_or(0);
    // One that is interpreted has no code of its own.
    if (found.code.value == 0 || found.code_size == 0 || kernel.identity().image.contains(found.code))
      continue;
    if (found.code_size > kMaxBpfCode) {
      failed({Errc::out_of_bounds, std::to_string(found.code_size) + " bytes of code"});
      continue;
    }
    // What is no program, or a copy that only looks like one, does not point back.
    if (more.pointer(self) != start) continue;
    found.id = more.u32(id);
    found.fixups = more.pointer(fixups).value_or(Gva{0});
    found.fixup_count = more.u32(fixup_count).value_or(0);
    listing.entries.push_back(found);
  }
  return listing;
}

Listing<BpfPack> bpf_packs(Kernel& kernel) {
  Listing<BpfPack> listing;
  const auto list = kernel.find_symbol("pack_list");
  if (!list) return listing;
  const auto& areas = vmalloc_areas(kernel);
  const auto link = kernel.offset("bpf_prog_pack", "list"), bitmap = kernel.offset("bpf_prog_pack", "bitmap");
  const auto pointer = kernel.field("bpf_prog_pack", "ptr");
  for (const Result<std::uint32_t>* field : {&link, &bitmap})
    if (!*field) {
      listing.problem(field->error().within("packs of BPF"));
      return listing;
    }
  if (!pointer) {
    listing.problem(pointer.error().within("packs of BPF"));
    return listing;
  }
  const auto read = [&](Gva object) -> Result<void> {
    RINGSIDE_TRY(const Gva first, kernel.read_pointer_field(object, *pointer));
    const VmallocArea* area = find_area(areas, first);
    if (area == nullptr || area->start != first)
      return fail(Errc::mismatch, "the pack at " + to_string(first) + " is no area of vmalloc");
    constexpr std::uint64_t kNoGuard = 0x40;  // VM_NO_GUARD
    BpfPack pack{first, area->size, {}};
    if ((area->flags.value_or(0) & kNoGuard) == 0) pack.size -= kPageSize;
    if (pack.size == 0 || pack.size > kMaxBpfPack)
      return fail(Errc::out_of_bounds,
                  "the pack at " + to_string(first) + " has " + std::to_string(pack.size) + " bytes");
    pack.bitmap.resize(pack.size / kPageSize);  // 64 chunks a page, a bit each
    RINGSIDE_CHECK(kernel.space().read(object + *bitmap, std::as_writable_bytes(std::span(pack.bitmap))));
    listing.entries.push_back(std::move(pack));
    return {};
  };
  auto walked = walk_list(kernel, *list, kMaxBpfPacks, [&](Gva node) {
    if (auto done = read(Gva{node - Gva{*link}}); !done) listing.problem(done.error().within("packs of BPF"));
    return true;
  });
  if (!walked) listing.problem(walked.error().within("packs of BPF"));
  return listing;
}

}  // namespace ringside::guest::linux
