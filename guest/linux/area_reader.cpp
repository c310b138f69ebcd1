// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/area_reader.h"

#include "guest/linux/paths.h"

namespace ringside::guest::linux {

using Presence = ObjectReader::Presence;

AreaReader& AreaReader::of(Kernel& kernel) {
  return kernel.memo<AreaReader>([&] { return AreaReader(kernel); });
}

AreaReader::AreaReader(Kernel& kernel)
    : kernel_(kernel),
      files_(FileReader::of(kernel)),
      names_(kernel),
      area_(kernel, "vm_area_struct"),
      mm_(kernel, "mm_struct"),
      start_(area_.add("vm_start")),
      end_(area_.add("vm_end")),
      flags_(area_.add("vm_flags")),
      operations_(area_.add("vm_ops")),
      offset_(area_.add("vm_pgoff")),
      file_(area_.add("vm_file")),
      private_(area_.add("vm_private_data")),
      next_(area_.add("vm_next", Presence::optional)),
      anon_name_(area_.add("anon_name", Presence::optional)),
      start_brk_(mm_.add("start_brk")),
      brk_(mm_.add("brk")),
      start_stack_(mm_.add("start_stack")),
      list_(kernel.field("mm_struct", "mmap")),
      tree_(kernel.field("mm_struct", "mm_mt")) {
  const auto shared = kernel.field("vm_area_struct", "shared");
  const auto given = kernel.field("vm_area_struct", "anon_name");
  if (shared && given)
    named_files_ = given->offset < shared->offset || given->offset >= shared->offset + shared->size;
}

Result<Landmarks> AreaReader::landmarks(Gva mm) {
  if (!mm_.missing().empty()) return fail(mm_.missing().front());
  RINGSIDE_CHECK(mm_.read(mm));
  return Landmarks{mm_.integer(start_brk_).value_or(0), mm_.integer(brk_).value_or(0),
                   mm_.integer(start_stack_).value_or(0)};
}

Result<MemoryArea> AreaReader::read(Gva vma, bool names, const Landmarks& landmarks, const Problem& problem) {
  if (!area_.missing().empty()) return fail(area_.missing().front());
  const auto at = [&] { return "area at " + to_string(vma); };
  if (auto read = area_.read(vma); !read) return fail(read.error().within(at()));
  MemoryArea area;
  area.vma = vma;
  area.start = Gva{area_.integer(start_).value_or(0)};
  area.end = Gva{area_.integer(end_).value_or(0)};
  if (area.end <= area.start)
    return fail(Errc::malformed,
                at() + " ends before it starts: " + to_string(area.start) + " to " + to_string(area.end));
  area.vm_flags = area_.integer(flags_).value_or(0);
  area.file = area_.pointer(file_).value_or(Gva{0});
  const Gva operations = area_.pointer(operations_).value_or(Gva{0});
  const Gva private_data = area_.pointer(private_).value_or(Gva{0});
  const Gva anon_name = area_.pointer(anon_name_).value_or(Gva{0});
  if (area.file != Gva{0}) {
    area.offset = area_.integer(offset_).value_or(0) * kPageSize;
    take_file(area, [&](Error error) { problem(error.within("area " + to_string(area.start))); });
  }
  if (!names) return area;
  auto text = name(area, operations, private_data, anon_name, landmarks);
  if (text)
    area.name = std::move(*text);
  else
    problem(text.error().within("area " + to_string(area.start)));
  return area;
}

void AreaReader::take_file(MemoryArea& area, const Problem& problem) {
  area.inode.reset();
  area.device.reset();
  const auto file = files_.file(area.file);
  if (!file) return problem(file.error());
  area.file_inode = file->inode;
  const auto inode = files_.user_inode(*file);
  if (!inode) return problem(inode.error());
  area.inode = inode->number;
  area.device = inode->file_system;
}

/// The order of the questions is get_vma_name()'s (fs/proc/task_mmu.c).
Result<std::string> AreaReader::name(const MemoryArea& area, Gva operations, Gva private_data, Gva anon_name,
                                     const Landmarks& landmarks) {
  const bool file = area.file != Gva{0};
  std::string given;
  if (anon_name != Gva{0} && (!file || named_files_)) {
    RINGSIDE_TRY(given, names_.given(anon_name));
  }
  if (file) {
    if (!given.empty()) return "[anon_shmem:" + given + "]";
    return file_path(kernel_, area.file);
  }
  RINGSIDE_TRY(auto special, names_.special(operations, private_data));
  if (special) return std::move(*special);
  if (const auto place = names_.by_place(area.start.value, area.end.value, landmarks); !place.empty())
    return std::string(place);
  return given.empty() ? std::string() : "[anon:" + given + "]";
}

}  // namespace ringside::guest::linux
