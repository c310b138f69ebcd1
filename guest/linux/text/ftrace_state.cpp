// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/text/ftrace_state.h"

#include "guest/linux/hash_buckets.h"
#include "guest/linux/object_reader.h"

namespace ringside::guest::linux {

FtraceState::FtraceState(SiteCollector& sites) : sites_(sites), kernel_(sites.kernel()) {}

void FtraceState::read_ops() {
  ops_read_ = true;
  const auto list = kernel_.find_symbol("ftrace_ops_list"), end = kernel_.find_symbol("ftrace_list_end");
  if (!list || !end)
    return sites_.problem({Errc::unavailable, "this kernel does not tell who traces functions"});
  ObjectReader reader(kernel_, "ftrace_ops");
  const auto next = reader.add("next"), trampoline = reader.add("trampoline"),
             hashes = reader.add("func_hash");
  for (const Error& error : reader.missing()) sites_.problem(error);
  const auto walk = [&]() -> Result<void> {
    RINGSIDE_TRY(Gva at, kernel_.read_pointer(*list));
    for (std::uint64_t i = 0; at != Gva{0} && at != *end; ++i) {
      if (i == kMaxOps) return fail(Errc::out_of_bounds, "more than 4096 of them");
      RINGSIDE_CHECK(reader.read(at));
      if (const auto code = reader.pointer(trampoline); code && *code != Gva{0})
        ops_.push_back({*code, reader.pointer(hashes).value_or(Gva{0}), false, {}, {}});
      at = reader.pointer(next).value_or(Gva{0});
    }
    return {};
  };
  if (auto walked = walk(); !walked) sites_.problem(walked.error().within("what traces functions"));
}

void FtraceState::each_entry(Gva hash, const std::function<void(Gva)>& visit) {
  ObjectReader reader(kernel_, "ftrace_hash");
  const auto bits = reader.add("size_bits"), buckets = reader.add("buckets");
  const auto link = kernel_.field("ftrace_func_entry", "hlist");
  if (!reader.missing().empty()) return sites_.problem(reader.missing().front());
  if (!link) return sites_.problem(link.error());
  if (auto read = reader.read(hash); !read)
    return sites_.problem(read.error().within("a set of traced functions"));
  const std::uint64_t size_bits = reader.integer(bits).value_or(64);
  const Gva first = reader.pointer(buckets).value_or(Gva{0});
  if (first == Gva{0}) return;
  if (size_bits > 20) return sites_.problem({Errc::out_of_bounds, "a set of traced functions is too large"});
  const HashBuckets table{first, std::uint64_t{1} << size_bits, kernel_.pointer_size(), 0, false};
  walk_buckets(
      kernel_, table, kMaxEntries,
      [&](Gva node) {
        visit(Gva{node - Gva{link->offset}});
        return true;
      },
      [&](Error error) { sites_.problem(error.within("a set of traced functions")); });
}

FtraceState::Functions FtraceState::read_functions(Gva hash) {
  if (hash == Gva{0}) return std::nullopt;
  const auto ip = kernel_.field("ftrace_func_entry", "ip");
  if (!ip) return sites_.problem(ip.error()), std::nullopt;
  std::unordered_set<std::uint64_t> functions;
  each_entry(hash, [&](Gva entry) {
    if (const auto value = kernel_.read_pointer_field(entry, *ip)) functions.insert(value->value);
  });
  if (functions.empty()) return std::nullopt;
  return functions;
}

void FtraceState::learn(Ops& ops) {
  ops.known = true;
  ObjectReader reader(kernel_, "ftrace_ops_hash");
  const auto filter = reader.add("filter_hash"), notrace = reader.add("notrace_hash");
  if (!reader.missing().empty() || ops.hashes == Gva{0} || !reader.read(ops.hashes)) return;
  ops.filter = read_functions(reader.pointer(filter).value_or(Gva{0}));
  ops.notrace = read_functions(reader.pointer(notrace).value_or(Gva{0}));
}

std::vector<Gva> FtraceState::trampolines(Gva ip, std::size_t most) {
  if (!ops_read_) read_ops();
  std::vector<Gva> found;
  for (Ops& ops : ops_) {
    // Which functions each traces matters only where there is a choice.
    if (ops_.size() > 1 && !ops.known) learn(ops);
    if (ops.traces(ip) && found.size() < most) found.push_back(ops.trampoline);
  }
  return found;
}

std::optional<Gva> FtraceState::direct(Gva ip) {
  if (!direct_read_) {
    direct_read_ = true;
    const auto hash = kernel_.find_symbol("direct_functions");
    ObjectReader reader(kernel_, "ftrace_func_entry");
    const auto from = reader.add("ip"), to = reader.add("direct");
    const auto at = hash ? kernel_.read_pointer(*hash) : Result<Gva>(Gva{0});
    if (at && *at != Gva{0} && reader.missing().empty())
      each_entry(*at, [&](Gva entry) {
        if (!reader.read(entry)) return;
        direct_.emplace(reader.pointer(from)->value, reader.pointer(to).value_or(Gva{0}));
      });
  }
  const auto found = direct_.find(ip.value);
  return found == direct_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace ringside::guest::linux
