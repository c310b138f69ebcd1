// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/tracepoints.h"

#include "guest/linux/hooks/trace_roots.h"
#include "guest/linux/object_reader.h"
#include "guest/linux/symboliser.h"

#include <utility>

namespace ringside::guest::linux {

namespace {

using Member = ObjectReader::Member;
using Presence = ObjectReader::Presence;

constexpr std::size_t kMaxName = 128;
// Of all tracepoints together: a hostile guest may give each the same ones.
constexpr std::uint64_t kMaxAllProbes = 1u << 17;

class Reader {
 public:
  Reader(Kernel& kernel, bool names, Listing<Tracepoint>& listing)
      : kernel_(kernel), names_(names), listing_(listing) {
    if (const auto types = kernel.types())
      if (const auto size = (*types)->size_of("tracepoint_func")) probe_size_ = *size;
  }

  Result<void> usable() const {
    for (const auto* reader : {&tracepoint_, &probe_})
      if (!reader->missing().empty()) return fail(reader->missing().front());
    if (probe_size_ == 0) return fail(Errc::unavailable, "this kernel does not tell how long a probe is");
    return {};
  }

  /// A table of offsets to tracepoints, each relative to its own place.
  void take_table(Gva first, std::uint64_t count, const std::string& module) {
    if (count > kMaxTracepoints)
      return listing_.problem(
          {Errc::out_of_bounds, "there are said to be " + std::to_string(count) + " tracepoints"});
    std::vector<std::int32_t> offsets(count);
    if (auto read = kernel_.space().read(first, std::as_writable_bytes(std::span(offsets))); !read)
      return listing_.problem(read.error().within("table of tracepoints"));
    for (std::uint64_t i = 0; i < count; ++i) take(relative_to(first + 4 * i, offsets[i]), module);
  }

 private:
  void take(Gva at, const std::string& module) {
    if (auto read = tracepoint_.read(at); !read)
      return listing_.problem(read.error().within("the tracepoint at " + to_string(at)));
    Tracepoint point;
    point.address = at;
    point.module = module;
    point.enabled = static_cast<std::int32_t>(tracepoint_.u32(enabled_).value_or(0));
    point.call_key = tracepoint_.pointer(key_);
    point.call_trampoline = tracepoint_.pointer(trampoline_);
    const auto add = [&](std::string_view slot, std::optional<Gva> function) {
      if (function && function->value != 0) point.pointers.push_back({slot, 0, *function, {}, {}});
    };
    add("iterator", tracepoint_.pointer(iterator_));
    add("probestub", tracepoint_.pointer(stub_));
    add("regfunc", tracepoint_.pointer(register_));
    add("unregfunc", tracepoint_.pointer(unregister_));
    const Gva extra = tracepoint_.pointer(extra_).value_or(Gva{0}),
              probes = tracepoint_.pointer(probes_).value_or(Gva{0});
    if (names_) take_name(point, tracepoint_.pointer(name_).value_or(Gva{0}));
    if (extra.value != 0) {
      if (auto read = extra_reader_.read(extra); !read)
        listing_.problem(read.error().within("functions of the tracepoint at " + to_string(at)));
      else {
        add("regfunc", extra_reader_.pointer(extra_register_));
        add("unregfunc", extra_reader_.pointer(extra_unregister_));
      }
    }
    if (probes.value != 0) take_probes(point, probes);
    listing_.entries.push_back(std::move(point));
  }

  void take_name(Tracepoint& point, Gva at) {
    auto name = kernel_.read_string(at, kMaxName);
    if (name)
      point.name = std::move(*name);
    else
      listing_.problem(name.error().within("name of the tracepoint at " + to_string(point.address)));
  }

  /// An array that ends with a probe without a function (kernel/tracepoint.c).
  void take_probes(Tracepoint& point, Gva at) {
    for (;; at = at + probe_size_) {
      if (auto read = probe_.read(at); !read)
        return listing_.problem(read.error().within("probes of tracepoint " + point.name));
      const Gva function = probe_.pointer(function_).value_or(Gva{0});
      if (function.value == 0) return;
      if (point.probes == kMaxProbes || all_probes_++ >= kMaxAllProbes)
        return listing_.problem(
            {Errc::out_of_bounds, "the probes of tracepoint " + point.name + " do not end"});
      const auto priority = probe_.u32(priority_);
      point.pointers.push_back(
          {"probe", point.probes++, function, probe_.pointer(data_).value_or(Gva{0}),
           priority ? std::optional(static_cast<std::int32_t>(*priority)) : std::nullopt});
    }
  }

  Kernel& kernel_;
  bool names_;
  Listing<Tracepoint>& listing_;
  std::uint64_t probe_size_ = 0, all_probes_ = 0;
  ObjectReader tracepoint_{kernel_, "tracepoint"}, probe_{kernel_, "tracepoint_func"},
      extra_reader_{kernel_, "tracepoint_ext"};
  const Member name_ = tracepoint_.add("name"),
               enabled_ = tracepoint_.add({"key.key.enabled.counter", "key.enabled.counter"}),
               key_ = tracepoint_.add("static_call_key", Presence::optional),
               trampoline_ = tracepoint_.add("static_call_tramp", Presence::optional),
               iterator_ = tracepoint_.add("iterator", Presence::optional),
               stub_ = tracepoint_.add("probestub", Presence::optional),
               register_ = tracepoint_.add("regfunc", Presence::optional),
               unregister_ = tracepoint_.add("unregfunc", Presence::optional),
               extra_ = tracepoint_.add("ext", Presence::optional), probes_ = tracepoint_.add("funcs");
  const Member function_ = probe_.add("func"), data_ = probe_.add("data", Presence::optional),
               priority_ = probe_.add("prio", Presence::optional);
  // From 6.14 on (include/linux/tracepoint-defs.h).
  const Member extra_register_ = extra_reader_.add("regfunc", Presence::optional),
               extra_unregister_ = extra_reader_.add("unregfunc", Presence::optional);
};

void add_modules(Kernel& kernel, Reader& reader, Listing<Tracepoint>& listing) {
  ObjectReader module(kernel, "module");
  const auto count = module.add("num_tracepoints", Presence::optional),
             table = module.add("tracepoints_ptrs", Presence::optional);
  if (!module.has(count) || !module.has(table)) return;
  auto& symboliser = Symboliser::of(kernel);
  for (const Module& one : symboliser.modules()) {
    if (one.state != ModuleState::live) continue;
    if (auto read = module.read(one.address); !read) {
      listing.problem(read.error().within("tracepoints of module " + one.name));
      continue;
    }
    const std::uint32_t entries = module.u32(count).value_or(0);
    if (entries != 0) reader.take_table(module.pointer(table).value_or(Gva{0}), entries, one.name);
  }
  for (const auto& problem : symboliser.problems()) listing.problem(problem);
}

}  // namespace

Result<Listing<Tracepoint>> tracepoints(Kernel& kernel, TracepointParts parts) {
  Listing<Tracepoint> listing;
  RINGSIDE_TRY(const auto first,
               feature_root(kernel, "__start___tracepoints_ptrs", "tracepoint_probe_register"));
  if (!first) return listing;
  RINGSIDE_TRY(const Gva end, kernel.symbol("__stop___tracepoints_ptrs"));
  Reader reader(kernel, parts.names, listing);
  RINGSIDE_CHECK(reader.usable());
  if (end < *first) return fail(Errc::malformed, "the table of tracepoints ends before it begins");
  if (parts.image) reader.take_table(*first, (end - *first) / 4, {});
  if (parts.modules) add_modules(kernel, reader, listing);
  return listing;
}

}  // namespace ringside::guest::linux
