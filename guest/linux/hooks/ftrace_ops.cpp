// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/ftrace_ops.h"

#include "guest/linux/hooks/ftrace_hashes.h"
#include "guest/linux/hooks/trace_roots.h"
#include "guest/linux/object_reader.h"
#include "guest/linux/pointers.h"

#include <fmt/format.h>

#include <array>
#include <unordered_set>

namespace ringside::guest::linux {

namespace {

using Presence = ObjectReader::Presence;

constexpr std::uint64_t kGraphOps = 16;  // FGRAPH_ARRAY_SIZE, kernel/trace/fgraph.c

/// The list of ops: singly linked, and it ends at the variable ftrace_list_end and not at NULL.
struct OpsReader {
  explicit OpsReader(Kernel& kernel_in) : kernel(kernel_in) {}

  /// Visits each ops after it was read; `problem` is told where the list is torn. Nothing on a kernel without
  /// the tracer.
  Result<void> walk(const std::function<void(Gva)>& visit, const std::function<void(Error)>& problem) {
    RINGSIDE_TRY(const auto head, feature_root(kernel, "ftrace_ops_list", "register_ftrace_function"));
    if (!head) return {};
    RINGSIDE_TRY(const Gva end, kernel.symbol("ftrace_list_end"));
    if (!ops.missing().empty()) return fail(ops.missing().front());
    RINGSIDE_TRY(Gva at, kernel.read_pointer(*head));
    std::unordered_set<std::uint64_t> seen;
    while (at != end && at.value != 0) {
      if (seen.size() >= kMaxFtraceOps || !seen.insert(at.value).second) {
        problem({Errc::malformed, "the list of ftrace_ops does not end"});
        break;
      }
      if (auto read = ops.read(at); !read) {
        problem(read.error().within("the ftrace_ops at " + to_string(at)));
        break;
      }
      const Gva next_ops = ops.pointer(next).value_or(Gva{0});
      visit(at);
      at = next_ops;
    }
    if (at.value == 0) problem({Errc::malformed, "the list of ftrace_ops ends before ftrace_list_end"});
    return {};
  }

  /// The hash that an ops goes by, of the ops read last.
  Result<Gva> hash(bool excluded) {
    RINGSIDE_TRY(const Field field,
                 kernel.field("ftrace_ops_hash", excluded ? "notrace_hash" : "filter_hash"));
    const Gva hashes = ops.pointer(func_hash).value_or(Gva{0});
    if (hashes.value == 0) return Gva{0};
    return kernel.read_pointer_field(hashes, field);
  }

  Kernel& kernel;
  ObjectReader ops{kernel, "ftrace_ops"};
  const ObjectReader::Member func = ops.add("func"), next = ops.add("next"), flags = ops.add("flags"),
                             saved_func = ops.add("saved_func", Presence::optional),
                             func_hash = ops.add("func_hash"), trampoline = ops.add("trampoline"),
                             trampoline_size = ops.add("trampoline_size", Presence::optional);
};

Result<void> add_ops(Kernel& kernel, bool filters, Listing<FtraceHandler>& listing) {
  OpsReader reader(kernel);
  FtraceHashes hashes(kernel);
  const auto problem = [&](Error error) { listing.problem(std::move(error)); };
  const auto entries = [&](bool excluded) -> std::optional<std::uint64_t> {
    auto hash = reader.hash(excluded);
    auto count = hash ? hashes.count(*hash) : fail(hash.error());
    if (count) return *count;
    problem(count.error().within("filters of ftrace_ops"));
    return std::nullopt;
  };
  return reader.walk(
      [&](Gva at) {
        FtraceHandler handler;
        handler.chain = "ftrace_ops_list";
        handler.slot = "func";
        handler.ops = at;
        handler.function = reader.ops.pointer(reader.func).value_or(Gva{0});
        handler.flags = reader.ops.integer(reader.flags);
        handler.trampoline = reader.ops.pointer(reader.trampoline);
        handler.trampoline_size = reader.ops.integer(reader.trampoline_size);
        const Gva saved = reader.ops.pointer(reader.saved_func).value_or(Gva{0});
        if (filters) {
          handler.filtered = entries(false);
          handler.excluded = entries(true);
        }
        listing.entries.push_back(handler);
        // Set at registration to what func is; they differ while a PID filter stands in front.
        if (saved.value == 0 || saved == handler.function) return;
        handler.slot = "saved_func";
        handler.function = saved;
        listing.entries.push_back(handler);
      },
      problem);
}

/// What the function-graph tracer calls. Up to 6.10 two variables hold it; from 6.11 on an array of struct
/// fgraph_ops, whose free places hold fgraph_stub.
Result<void> add_graph(Kernel& kernel, Listing<FtraceHandler>& listing) {
  const auto array = kernel.find_symbol("fgraph_array");
  if (!array) return {};
  ObjectReader ops(kernel, "fgraph_ops");
  const auto entry = ops.add("entryfunc"), exit = ops.add("retfunc"),
             saved = ops.add("saved_func", Presence::optional);
  if (!ops.missing().empty()) return fail(ops.missing().front());
  RINGSIDE_TRY(const auto places, (read_pointers<kGraphOps>(kernel, *array)));
  const auto stub = kernel.find_symbol("fgraph_stub");
  for (const Gva at : places) {
    if (at.value == 0 || at == stub) continue;
    if (auto read = ops.read(at); !read) {
      listing.problem(read.error().within("the fgraph_ops at " + to_string(at)));
      continue;
    }
    for (const auto& [slot, member] :
         {std::pair("entryfunc", entry), std::pair("retfunc", exit), std::pair("saved_func", saved)}) {
      const Gva function = ops.pointer(member).value_or(Gva{0});
      if (function.value == 0) continue;
      FtraceHandler handler;
      handler.chain = "fgraph_array";
      handler.slot = slot;
      handler.ops = at;
      handler.function = function;
      listing.entries.push_back(handler);
    }
  }
  return {};
}

void add_variables(Kernel& kernel, Listing<FtraceHandler>& listing) {
  for (const char* name : {"ftrace_trace_function", "ftrace_graph_entry", "ftrace_graph_return"}) {
    const auto at = kernel.find_symbol(name);
    if (!at) continue;
    const auto function = kernel.read_pointer(*at);
    if (!function) {
      listing.problem(function.error().within(name));
      continue;
    }
    FtraceHandler handler;
    handler.chain = "variable";
    handler.slot = name;
    handler.function = *function;
    listing.entries.push_back(handler);
  }
}

}  // namespace

Result<Listing<FtraceHandler>> ftrace_handlers(Kernel& kernel, bool filters) {
  Listing<FtraceHandler> listing;
  RINGSIDE_CHECK(add_ops(kernel, filters, listing));
  if (auto done = add_graph(kernel, listing); !done)
    listing.problem(done.error().within("handlers of the function-graph tracer"));
  add_variables(kernel, listing);
  return listing;
}

Result<Listing<FtraceFilter>> ftrace_filters(Kernel& kernel) {
  Listing<FtraceFilter> listing;
  std::uint64_t left = kMaxFtraceFilters;
  OpsReader reader(kernel);
  FtraceHashes hashes(kernel);
  const auto problem = [&](Error error) { listing.problem(std::move(error)); };
  RINGSIDE_CHECK(reader.walk(
      [&](Gva at) {
        for (const bool excluded : {false, true}) {
          const auto hash = reader.hash(excluded);
          if (!hash) {
            problem(hash.error());
            continue;
          }
          hashes.walk(
              *hash, left,
              [&](Gva ip, Gva) {
                listing.entries.push_back({at, excluded, ip});
              },
              problem);
        }
      },
      problem));
  return listing;
}

Result<Listing<FtraceDirectCall>> ftrace_direct_calls(Kernel& kernel) {
  Listing<FtraceDirectCall> listing;
  RINGSIDE_TRY(const auto variable, feature_root(kernel, "direct_functions", "ftrace_find_rec_direct"));
  if (!variable) return listing;
  RINGSIDE_TRY(const Gva hash, kernel.read_pointer(*variable));
  FtraceHashes hashes(kernel);
  std::uint64_t left = kMaxFtraceFilters;
  hashes.walk(
      hash, left,
      [&](Gva ip, Gva direct) {
        listing.entries.push_back({ip, Gva{direct.value & ~std::uint64_t{1}}, (direct.value & 1) != 0});
      },
      [&](Error error) { listing.problem(std::move(error)); });
  return listing;
}

std::string ftrace_flag_names(std::uint64_t flags) {
  static constexpr std::array<std::string_view, 19> kNames = {
      "ENABLED",   "DYNAMIC",  "SAVE_REGS",   "SAVE_REGS_IF_SUPPORTED",
      "RECURSION", "STUB",     "INITIALIZED", "DELETED",
      "ADDING",    "REMOVING", "MODIFYING",   "ALLOC_TRAMP",
      "IPMODIFY",  "PID",      "RCU",         "TRACE_ARRAY",
      "PERMANENT", "DIRECT",   "SUBOP"};
  std::string text;
  const auto add = [&](std::string_view name) {
    if (!text.empty()) text += '|';
    text += name;
  };
  std::uint64_t rest = flags;
  for (std::size_t bit = 0; bit < kNames.size(); ++bit) {
    if ((flags >> bit & 1) == 0) continue;
    add(kNames[bit]);
    rest &= ~(std::uint64_t{1} << bit);
  }
  if (rest != 0) add(fmt::format("{:#x}", rest));
  return text;
}

}  // namespace ringside::guest::linux
