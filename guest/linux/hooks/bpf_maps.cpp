// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/bpf_maps.h"

#include "guest/linux/hooks/bpf_names.h"
#include "guest/linux/hooks/trace_roots.h"
#include "guest/linux/object_reader.h"
#include "guest/linux/walkers.h"

namespace ringside::guest::linux {

Result<Listing<BpfMap>> bpf_maps(Kernel& kernel) {
  using Presence = ObjectReader::Presence;
  Listing<BpfMap> listing;
  RINGSIDE_TRY(const auto idr, feature_root(kernel, "map_idr", "bpf_map_put"));
  if (!idr) return listing;
  ObjectReader reader(kernel, "bpf_map");
  const auto id = reader.add("id"), type = reader.add("map_type"), name = reader.add("name"),
             operations = reader.add("ops"), key = reader.add("key_size", Presence::optional),
             value = reader.add("value_size", Presence::optional),
             entries = reader.add("max_entries", Presence::optional),
             flags = reader.add("map_flags", Presence::optional),
             frozen = reader.add("frozen", Presence::optional);
  if (!reader.missing().empty()) return fail(reader.missing().front());
  RINGSIDE_TRY(const std::uint32_t tree, kernel.offset("idr", "idr_rt"));
  const EnumNames types(kernel, "bpf_map_type", "BPF_MAP_TYPE_");
  const auto walked = walk_xarray(kernel, *idr + tree, kMaxBpfObjects, [&](std::uint64_t, Gva at) {
    if (auto read = reader.read(at); !read) {
      listing.problem(read.error().within("the bpf_map at " + to_string(at)));
      return true;
    }
    BpfMap map;
    map.address = at;
    map.id = reader.u32(id).value_or(0);
    map.type = types.name(reader.u32(type).value_or(0));
    map.name = reader.text(name).value_or("");
    map.key_size = reader.u32(key);
    map.value_size = reader.u32(value);
    map.max_entries = reader.u32(entries);
    map.flags = reader.u32(flags);
    if (const auto held = reader.integer(frozen)) map.frozen = *held != 0;
    map.operations = reader.pointer(operations).value_or(Gva{0});
    listing.entries.push_back(std::move(map));
    return true;
  });
  if (!walked) listing.problem(walked.error().within("map_idr"));
  return listing;
}

}  // namespace ringside::guest::linux
