// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/bpf_links.h"

#include "guest/linux/hooks/bpf_maps.h"
#include "guest/linux/hooks/bpf_names.h"
#include "guest/linux/hooks/trace_roots.h"
#include "guest/linux/object_reader.h"
#include "guest/linux/symboliser.h"
#include "guest/linux/walkers.h"

namespace ringside::guest::linux {

namespace {

constexpr std::size_t kMaxName = 128;

/// What a link's type tells of the place. A step that fails leaves it untold: what the link holds is known.
class Targets {
 public:
  explicit Targets(Kernel& kernel)
      : kernel_(kernel),
        event_(kernel.field("bpf_raw_tp_link", "btp")),
        tracepoint_(kernel.field("bpf_raw_event_map", "tp")),
        name_(kernel.field("tracepoint", "name")),
        trampoline_(kernel.field("bpf_tracing_link", "trampoline")),
        function_(kernel.field("bpf_trampoline", "func.addr")) {}

  Result<std::string> of(Gva link, std::string_view type) {
    if (type == "raw_tracepoint") {
      RINGSIDE_TRY(const Gva event, follow(link, event_));
      RINGSIDE_TRY(const Gva tracepoint, follow(event, tracepoint_));
      RINGSIDE_TRY(const Gva name, follow(tracepoint, name_));
      return kernel_.read_string(name, kMaxName);
    }
    if (type == "tracing") {
      RINGSIDE_TRY(const Gva trampoline, follow(link, trampoline_));
      if (trampoline.value == 0) return std::string();  // an iterator, or it is let go
      RINGSIDE_TRY(const Gva function, follow(trampoline, function_));
      return Symboliser::of(kernel_).symbol(function).value_or(to_string(function));
    }
    return std::string();
  }

 private:
  Result<Gva> follow(Gva object, const Result<Field>& field) {
    if (!field) return fail(field.error());
    return kernel_.read_pointer_field(object, *field);
  }
  Kernel& kernel_;
  Result<Field> event_, tracepoint_, name_, trampoline_, function_;
};

/// The id of a program, through its struct bpf_prog_aux.
class ProgramIds {
 public:
  explicit ProgramIds(Kernel& kernel)
      : kernel_(kernel), aux_(kernel.field("bpf_prog", "aux")), id_(kernel.field("bpf_prog_aux", "id")) {}
  Result<std::uint32_t> of(Gva program) {
    if (!aux_) return fail(aux_.error());
    if (!id_) return fail(id_.error());
    RINGSIDE_TRY(const Gva aux, kernel_.read_pointer_field(program, *aux_));
    RINGSIDE_TRY(const std::uint64_t id, kernel_.read_field(aux, *id_));
    return static_cast<std::uint32_t>(id);
  }

 private:
  Kernel& kernel_;
  Result<Field> aux_, id_;
};

}  // namespace

Result<Listing<BpfLink>> bpf_links(Kernel& kernel) {
  Listing<BpfLink> listing;
  RINGSIDE_TRY(const auto idr, feature_root(kernel, "link_idr", "bpf_link_put"));
  if (!idr) return listing;
  ObjectReader reader(kernel, "bpf_link");
  const auto id = reader.add("id"), type = reader.add("type"), operations = reader.add("ops"),
             program = reader.add("prog");
  if (!reader.missing().empty()) return fail(reader.missing().front());
  RINGSIDE_TRY(const std::uint32_t tree, kernel.offset("idr", "idr_rt"));
  const EnumNames types(kernel, "bpf_link_type", "BPF_LINK_TYPE_");
  Targets targets(kernel);
  ProgramIds ids(kernel);
  const auto walked = walk_xarray(kernel, *idr + tree, kMaxBpfObjects, [&](std::uint64_t, Gva at) {
    const auto lost = [&](const Error& error) {
      listing.problem(error.within("the bpf_link at " + to_string(at)));
    };
    if (auto read = reader.read(at); !read) {
      lost(read.error());
      return true;
    }
    BpfLink link;
    link.address = at;
    link.id = reader.u32(id).value_or(0);
    link.type = types.name(reader.u32(type).value_or(0));
    link.operations = reader.pointer(operations).value_or(Gva{0});
    link.program = reader.pointer(program).value_or(Gva{0});
    if (link.program.value != 0) {
      if (const auto number = ids.of(link.program))
        link.program_id = *number;
      else
        lost(number.error());
    }
    if (auto target = targets.of(at, link.type))
      link.target = std::move(*target);
    else
      lost(target.error());
    listing.entries.push_back(std::move(link));
    return true;
  });
  if (!walked) listing.problem(walked.error().within("link_idr"));
  return listing;
}

}  // namespace ringside::guest::linux
