// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/text/bpf_dispatcher.h"

#include "guest/linux/object_reader.h"

namespace ringside::guest::linux {

std::optional<BpfDispatcherEntry> bpf_dispatcher_entry(Kernel& kernel) {
  const auto object = kernel.find_symbol("bpf_dispatcher_xdp");
  if (!object || kernel.field("bpf_dispatcher", "sc_key")) return std::nullopt;
  ObjectReader reader(kernel, "bpf_dispatcher");
  const auto func = reader.add("func"), image = reader.add("image"), programs = reader.add("num_progs"),
             offset = reader.add("image_off");
  if (!reader.missing().empty() || !reader.read(*object)) return std::nullopt;
  BpfDispatcherEntry entry{*reader.pointer(func), *object, std::nullopt};
  if (reader.u32(programs).value_or(0) != 0)
    entry.target = *reader.pointer(image) + reader.u32(offset).value_or(0);
  return entry;
}

}  // namespace ringside::guest::linux
