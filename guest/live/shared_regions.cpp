// SPDX-License-Identifier: Apache-2.0
#include "guest/live/shared_regions.h"

#include "qmp/commands.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <filesystem>

namespace ringside::guest::live {

namespace {

namespace fs = std::filesystem;

bool same_file(const std::string& path, const Mapping& mapping) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && info.st_ino == mapping.inode &&
         major(info.st_dev) == mapping.device_major && minor(info.st_dev) == mapping.device_minor;
}

/// A path to open for what `mapping` maps.
std::optional<std::string> path_of(const Mapping& mapping, pid_t qemu) {
  if (mapping.path.starts_with('/') && same_file(mapping.path, mapping)) return mapping.path;
  std::error_code error;
  const std::string folder = fmt::format("/proc/{}/fd", qemu);
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    if (same_file(it->path().string(), mapping)) return it->path().string();
  return std::nullopt;
}

bool has_ram_block(const memory::MemoryMap& map, const std::string& block) {
  return std::any_of(map.ranges().begin(), map.ranges().end(),
                     [&](const memory::MemoryRange& range) { return range.block == block; });
}

}  // namespace

std::vector<MappedBlock> shared_blocks(const memory::MemoryMap& map, const std::vector<Mapping>& mappings) {
  std::vector<MappedBlock> blocks;
  std::vector<std::string> refused;
  for (const memory::MemoryRange& range : map.ranges()) {
    const Mapping* mapping = range.hva.value == 0 ? nullptr : find_mapping(mappings, range.hva.value);
    if (mapping == nullptr || !mapping->shared || mapping->inode == 0) continue;
    const std::uint64_t in_file = mapping->file_offset + (range.hva.value - mapping->start);
    if (in_file < range.block_offset) {
      refused.push_back(range.block);
      continue;
    }
    const MappedBlock found{range.block, in_file - range.block_offset, mapping};
    const auto known = std::find_if(blocks.begin(), blocks.end(),
                                    [&](const MappedBlock& b) { return b.block == found.block; });
    if (known == blocks.end())
      blocks.push_back(found);
    else if (known->file_offset != found.file_offset || known->mapping->inode != mapping->inode)
      refused.push_back(range.block);
  }
  std::erase_if(blocks, [&](const MappedBlock& b) {
    return std::find(refused.begin(), refused.end(), b.block) != refused.end();
  });
  return blocks;
}

std::vector<FoundRegion> regions_of_process(const memory::MemoryMap& map,
                                            const std::vector<Mapping>& mappings, pid_t qemu) {
  std::vector<FoundRegion> found;
  for (const MappedBlock& block : shared_blocks(map, mappings))
    if (const auto path = path_of(*block.mapping, qemu))
      found.push_back({{block.block, *path, block.file_offset}, true});
  return found;
}

std::vector<FoundRegion> regions_of_qom(const memory::MemoryMap& map, qmp::Monitor& monitor) {
  std::vector<FoundRegion> found;
  const auto backends = monitor.call(qmp::query_memdev());
  if (!backends) return found;
  for (const qmp::MemoryBackend& backend : *backends) {
    if (!backend.share || backend.id.empty()) continue;
    const std::string object = "/objects/" + backend.id;
    // Some machine types name the region by the object's whole path (hostmem.c,
    // host_memory_backend_get_name).
    const std::string block = has_ram_block(map, backend.id) ? backend.id : object;
    const auto path = monitor.call(qmp::qom_get(object, "mem-path"));  // memory-backend-file alone has one
    if (!has_ram_block(map, block) || !path || !path->is_string()) continue;
    const auto offset = monitor.call(qmp::qom_get(object, "offset"));  // since QEMU 8.1
    const std::uint64_t file_offset =
        offset && offset->is_number_unsigned() ? offset->get<std::uint64_t>() : 0;
    found.push_back({{block, path->get<std::string>(), file_offset}, false});
  }
  return found;
}

}  // namespace ringside::guest::live
