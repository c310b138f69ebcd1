// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/sysctl.h"

#include "guest/linux/net_namespaces.h"
#include "guest/linux/sysctl_computed.h"
#include "guest/linux/sysctl_tree.h"
#include "guest/linux/sysctl_value.h"

#include <algorithm>
#include <array>
#include <utility>

namespace ringside::guest::linux {

namespace {

// More than any handler writes at once.
constexpr std::uint32_t kMaxValueBytes = 8192;
constexpr std::uint32_t kPermissions = 07777;
// Of a whole listing; a guest with a thousand interfaces fills a fifth of it.
constexpr std::size_t kMaxBytes = std::size_t{256} << 20;

class Reader {
 public:
  Reader(Kernel& kernel, Listing<Sysctl>& listing)
      : kernel_(kernel), listing_(listing), handlers_(kernel), computed_(kernel) {}

  void add(SysctlEntry entry, std::optional<std::uint32_t> netns) {
    Sysctl value;
    value.name = std::move(entry.name);
    value.mode = entry.mode & kPermissions;
    value.handler = entry.handler;
    value.handler_name = name_of(entry.handler);
    value.data = entry.data;
    value.length = entry.length;
    value.netns = netns;
    value.gva = entry.gva;
    if (const auto format = handlers_.format(entry.handler, value.name, entry.length)) {
      auto read = read_value(*format, entry);
      if (read)
        value.value = std::move(*read);
      else
        listing_.problem(read.error().within("sysctl " + value.name));
    } else {
      value.value = computed_.value(entry);
    }
    const std::size_t size = sizeof(Sysctl) + value.name.size() + (value.value ? value.value->size() : 0);
    if (size > left_) {
      left_ = 0;
      listing_.problem(
          {Errc::out_of_bounds, "the sysctl values take more than " + std::to_string(kMaxBytes) + " bytes"});
      return;
    }
    left_ -= size;
    listing_.entries.push_back(std::move(value));
  }

 private:
  Result<std::optional<std::string>> read_value(SysctlFormat format, const SysctlEntry& entry) {
    if (format == SysctlFormat::uuid) return read_uuid(entry.data);
    // Without data or length the handlers write nothing (kernel/sysctl.c).
    if (entry.data.value == 0 || entry.length == 0) return std::optional<std::string>("");
    if (format == SysctlFormat::text) {
      RINGSIDE_TRY(auto text, kernel_.read_string(entry.data, std::min(entry.length, kMaxValueBytes)));
      return std::optional(std::move(text));
    }
    // The length of a bitmap is given in bits, and `data` points to a pointer to it.
    const std::uint32_t bytes = format == SysctlFormat::bitmap ? (entry.length + 7) / 8 : entry.length;
    if (bytes > kMaxValueBytes)
      return fail(Errc::out_of_bounds, "its value claims " + std::to_string(bytes) + " bytes");
    Bytes raw(format == SysctlFormat::boolean ? 1 : bytes);
    Gva from = entry.data;
    if (format == SysctlFormat::bitmap) {
      RINGSIDE_TRY(from, kernel_.read_pointer(entry.data));
      if (from.value == 0) return std::optional<std::string>("");
    }
    RINGSIDE_CHECK(kernel_.space().read(from, raw));
    if (format == SysctlFormat::bitmap) return std::optional(format_bitmap(raw));
    auto text = format_sysctl(format, raw, kernel_.pointer_size(), handlers_.hz());
    if (!text && !std::exchange(told_of_ticks_, true))
      return fail(Errc::unavailable, "its unit is a tick, and how long that is is not known; others too");
    return text;
  }

  /// One that has no place is made anew at each read, and so is one that was never read
  /// (drivers/char/random.c).
  Result<std::optional<std::string>> read_uuid(Gva data) {
    if (data.value == 0) return std::optional<std::string>();
    std::array<std::byte, 16> raw{};
    RINGSIDE_CHECK(kernel_.space().read(data, raw));
    if (raw[8] == std::byte{0}) return std::optional<std::string>();
    return format_sysctl(SysctlFormat::uuid, raw, kernel_.pointer_size(), handlers_.hz());
  }

  std::string name_of(Gva function) {
    const auto index = kernel_.symbols().at_or_before(function.value, kernel_.slide());
    if (!index || kernel_.symbols().address(*index, kernel_.slide()) != function.value) return {};
    std::string name;
    kernel_.symbols().name(*index, name);
    return name;
  }

  Kernel& kernel_;
  Listing<Sysctl>& listing_;
  SysctlHandlers handlers_;
  SysctlComputed computed_;
  bool told_of_ticks_ = false;
  std::size_t left_ = kMaxBytes;
};

/// Sets of the first namespaces of other kinds; which there are depends on the release.
struct FirstNamespace {
  std::string_view symbol, type, set;
};
constexpr FirstNamespace kFirstNamespaces[] = {{"init_user_ns", "user_namespace", "set"},
                                               {"init_ipc_ns", "ipc_namespace", "ipc_set"},
                                               {"init_ipc_ns", "ipc_namespace", "mq_set"},
                                               {"init_pid_ns", "pid_namespace", "set"}};
}  // namespace

Result<Listing<Sysctl>> sysctls(Kernel& kernel, std::optional<std::string_view> name) {
  RINGSIDE_TRY(const SysctlPlace place, find_sysctl(kernel));
  SysctlTree tree(kernel, place.layout);
  Listing<Sysctl> listing;
  Reader reader(kernel, listing);
  std::optional<std::uint32_t> netns;
  SysctlTree::Sink sink;
  sink.enter = [&](std::string_view prefix) { return !name || name->starts_with(prefix); };
  sink.entry = [&](SysctlEntry entry) {
    if (!name || entry.name == *name) reader.add(std::move(entry), netns);
  };
  sink.problem = [&](Error error) { listing.problem(std::move(error)); };

  tree.walk(place.global, sink);
  if (!place.by_types) {
    // Without types only the first namespaces can be found, by functions that refer to them in 5.10 and
    // in 6.1.
    for (const Gva set : find_sets(kernel, place,
                                   {"net_initial_ns", "capable", "get_ipc", "proc_ipc_dointvec",
                                    "setup_ipc_sysctls", "setup_mq_sysctls"}))
      tree.walk(set, sink);
    listing.problem({Errc::unavailable,
                     "sysctl values of network namespaces other than the first: this kernel tells no types"});
    return listing;
  }
  for (const auto& [symbol, type, set] : kFirstNamespaces) {
    const auto field = kernel.field(type, set);
    if (!field) continue;  // another release, which keeps them elsewhere
    if (const auto first = kernel.symbol(symbol))
      tree.walk(*first + field->offset, sink);
    else
      listing.problem(first.error().within("sysctl values of " + std::string(symbol)));
  }
  const auto own = kernel.field("net", "sysctls");
  const auto namespaces = net_namespaces(kernel);
  if (!own || !namespaces) {
    listing.problem((own ? namespaces.error() : own.error()).within("sysctl values of network namespaces"));
    return listing;
  }
  for (const auto& error : namespaces->problems) listing.problem(error);
  for (const auto& space : namespaces->entries) {
    netns = space.number;
    tree.walk(space.gva + own->offset, sink);
  }
  return listing;
}

}  // namespace ringside::guest::linux
