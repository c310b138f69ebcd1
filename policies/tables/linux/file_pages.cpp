// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/open_files.h"
#include "guest/linux/page_cache.h"
#include "guest/linux/process_maps.h"
#include "policies/tables/linux/each_process.h"

#include <set>

namespace ringside::policies {

namespace {

namespace linux = guest::linux;
using guest::Gva;

/// Most files whose pages one scan lists.
constexpr std::size_t kMaxFiles = std::size_t{1} << 16;

/// The inodes of all files that processes have open or mapped.
Result<std::set<Gva>> files_in_use(linux::Kernel& kernel, RowSink& sink) {
  std::set<Gva> inodes;
  const auto add = [&](Gva inode) {
    if (inode != Gva{0} && inodes.size() < kMaxFiles) inodes.insert(inode);
  };
  const auto visit = [&](const linux::Task& task) {
    const auto files = linux::open_files(kernel, task.files.value_or(Gva{0}), false);
    if (files) {
      report_problems(*files, task, sink);
      for (const auto& file : files->entries) add(file.inode);
    } else {
      sink.incomplete(files.error().within("open files"));
    }
    const auto areas = linux::memory_areas(kernel, task.mm.value_or(Gva{0}), false);
    if (areas) {
      report_problems(*areas, task, sink);
      for (const auto& area : areas->entries) add(area.file_inode);
    } else {
      sink.incomplete(areas.error().within("memory areas"));
    }
    return files && areas && inodes.size() < kMaxFiles;
  };
  RINGSIDE_CHECK(each_process(kernel, {}, sink, visit));
  if (inodes.size() >= kMaxFiles)
    sink.incomplete({Errc::out_of_bounds, "more than " + std::to_string(kMaxFiles) + " files in use"});
  return inodes;
}

Result<void> fill(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink) {
  RINGSIDE_TRY(linux::Kernel* const kernel, linux::Kernel::of(snapshot));
  std::set<Gva> inodes;
  const auto wanted = request.equal.find("inode_address");
  const auto* address = wanted == request.equal.end() ? nullptr : std::get_if<std::int64_t>(&wanted->second);
  if (address != nullptr) {
    inodes.insert(Gva{static_cast<std::uint64_t>(*address)});
  } else {
    RINGSIDE_TRY(inodes, files_in_use(*kernel, sink));
  }
  for (const Gva inode : inodes) {
    const auto pages = linux::page_cache(*kernel, inode);
    if (!pages) {
      sink.incomplete(pages.error());
      continue;
    }
    for (const auto& problem : pages->problems)
      sink.incomplete(problem.within("inode at " + to_string(inode)));
    for (const auto& page : pages->entries)
      if (!sink.row({cell(inode.value), cell(page.index), cell(page.count), cell(page.gpa.value),
                     cell(page.up_to_date), cell(page.dirty), cell(page.page.value)}))
        return {};
  }
  return {};
}

}  // namespace

Table file_pages_table() {
  return {
      .name = "file_pages",
      .doc =
          "Linux: the page cache: what of a file is in memory, and where. Without an inode_address: of all "
          "files that processes have open or mapped.",
      .columns = {{"inode_address", ColumnType::address,
                   "struct inode of the file, as process_files and process_maps give it"},
                  {"page", ColumnType::integer, "place in the file, in pages of 4096 bytes"},
                  {"count", ColumnType::integer, "pages from there on, in one piece"},
                  {"gpa", ColumnType::address, "where they are, guest-physical", Stability::kept},
                  {"up_to_date", ColumnType::boolean, "the content is valid", Stability::live},
                  {"dirty", ColumnType::boolean, "newer than on the disk", Stability::live},
                  {"page_address", ColumnType::address, "struct page of the first", Stability::kept}},
      .pushdown = {"inode_address"},
      .identity = {"inode_address", "page"},
      .example =
          "SELECT f.path, p.page, p.gpa FROM process_files f JOIN file_pages p USING (inode_address) "
          "WHERE f.pid = 1 AND f.type = 'regular'",
      .in_baseline = false,
      .baseline_where = {},
      .fill = fill};
}

}  // namespace ringside::policies
