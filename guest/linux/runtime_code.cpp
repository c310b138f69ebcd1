// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/runtime_code.h"

#include "guest/linux/object_reader.h"
#include "guest/linux/walkers.h"

#include <optional>

namespace ringside::guest::linux {

namespace {

constexpr std::size_t kMaxName = 512;  // KSYM_NAME_LEN, from 6.1

/// Adds the objects of type `type` that are linked by their member `link` in the list at `head`. `make` reads
/// one.
template <class Make>
Result<void> add_list(Kernel& kernel, Gva head, std::string_view type, std::string_view link,
                      Listing<RuntimeCode>& listing, Make&& make) {
  RINGSIDE_TRY(const Field node_field, kernel.field(type, link));
  return walk_list(kernel, head, kMaxRuntimeCode, [&](Gva node) {
    Result<RuntimeCode> made = make(Gva{node - Gva{node_field.offset}});
    if (made)
      listing.entries.push_back(std::move(*made));
    else
      listing.problem(std::move(made).error());
    return true;
  });
}

Result<void> add_trampolines(Kernel& kernel, Gva head, Listing<RuntimeCode>& listing) {
  ObjectReader reader(kernel, "ftrace_ops");
  const auto first = reader.add("trampoline"), size = reader.add("trampoline_size");
  if (!reader.missing().empty()) return fail(reader.missing().front());
  return add_list(kernel, head, "ftrace_ops", "list", listing, [&](Gva object) -> Result<RuntimeCode> {
    RINGSIDE_CHECK(reader.read(object));
    return RuntimeCode{RuntimeCode::Kind::ftrace_trampoline, reader.pointer(first).value_or(Gva{0}),
                       reader.integer(size).value_or(0), "ftrace_trampoline", "__builtin__ftrace"};
  });
}

Result<void> add_bpf(Kernel& kernel, Gva head, Listing<RuntimeCode>& listing) {
  ObjectReader reader(kernel, "bpf_ksym");
  const auto first = reader.add("start"), end = reader.add("end");
  if (!reader.missing().empty()) return fail(reader.missing().front());
  RINGSIDE_TRY(const Field name, kernel.field("bpf_ksym", "name"));
  return add_list(kernel, head, "bpf_ksym", "lnode", listing, [&](Gva object) -> Result<RuntimeCode> {
    RINGSIDE_CHECK(reader.read(object));
    const Gva at = reader.pointer(first).value_or(Gva{0}), after = reader.pointer(end).value_or(Gva{0});
    if (after < at) return fail(Errc::malformed, "BPF code at " + to_string(at) + " ends before it begins");
    RINGSIDE_TRY(auto text, kernel.read_string(object + name.offset, kMaxName));
    return RuntimeCode{RuntimeCode::Kind::bpf, at, after - at, std::move(text), "bpf"};
  });
}

Result<void> add_probe_slots(Kernel& kernel, Gva cache, const char* name, Listing<RuntimeCode>& listing) {
  RINGSIDE_TRY(const Field pages, kernel.field("kprobe_insn_cache", "pages"));
  ObjectReader reader(kernel, "kprobe_insn_page");
  const auto first = reader.add("insns");
  if (!reader.missing().empty()) return fail(reader.missing().front());
  return add_list(kernel, cache + pages.offset, "kprobe_insn_page", "list", listing,
                  [&](Gva object) -> Result<RuntimeCode> {
                    RINGSIDE_CHECK(reader.read(object));
                    return RuntimeCode{RuntimeCode::Kind::kprobe, reader.pointer(first).value_or(Gva{0}),
                                       kPageSize, name, "__builtin__kprobes"};
                  });
}

}  // namespace

Listing<RuntimeCode> runtime_code(Kernel& kernel) {
  Listing<RuntimeCode> listing;
  const auto take = [&](const char* symbol, const char* what, auto&& add) {
    const auto at = kernel.find_symbol(symbol);
    if (!at) return;
    if (auto done = add(*at); !done) listing.problem(done.error().within(what));
  };
  take("ftrace_ops_trampoline_list", "trampolines of ftrace",
       [&](Gva head) { return add_trampolines(kernel, head, listing); });
  take("bpf_kallsyms", "code of BPF", [&](Gva head) { return add_bpf(kernel, head, listing); });
  take("kprobe_insn_slots", "slots of kprobes",
       [&](Gva cache) { return add_probe_slots(kernel, cache, "kprobe_insn_page", listing); });
  take("kprobe_optinsn_slots", "slots of optimised kprobes",
       [&](Gva cache) { return add_probe_slots(kernel, cache, "kprobe_optinsn_page", listing); });
  return listing;
}

}  // namespace ringside::guest::linux
