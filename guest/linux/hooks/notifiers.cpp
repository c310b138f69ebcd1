// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/notifiers.h"

#include "guest/linux/hooks/notifier_chains.h"
#include "guest/linux/net_namespaces.h"
#include "guest/linux/symbol_extent.h"
#include "guest/linux/symboliser.h"
#include "guest/linux/walkers.h"

#include <array>
#include <unordered_set>

namespace ringside::guest::linux {

namespace {

constexpr std::uint64_t kMaxBlocks = 4096;  // of one chain
constexpr std::uint64_t kMaxExtent = 1u << 16;

class ChainWalker {
 public:
  ChainWalker(Kernel& kernel, Hooks& into)
      : kernel_(kernel),
        into_(into),
        block_(kernel, "notifier_block"),
        next_(block_.object().add("next")),
        priority_(block_.object().add("priority")) {
    block_.add("notifier_call", {"notifier_call"});
  }
  std::optional<Error> problem() const { return block_.problem(); }

  /// The chain whose head is of struct `kind` at `chain`.
  void walk(const std::string& name, Gva chain, ChainKind kind, std::optional<std::uint32_t> netns = {}) {
    const auto offset = kernel_.offset(type_of(kind), "head");
    if (!offset) return into_.problem(offset.error().within("notifier chain " + name));
    Hook like;
    like.group = name;
    like.netns = netns;
    if (auto done = follow(chain + *offset, like); !done)
      into_.problem(done.error().within("notifier chain " + name));
  }

  /// A variable of the image or of a module that its name calls a chain: its place, and the room for it.
  void take(std::string_view name, std::string_view module, Gva at, std::uint64_t room) {
    if (!seen_.insert(at.value).second) return;
    auto kind = known_chain(name);
    if (!kind) kind = by_lock(at, room);
    if (!kind) return;
    // One that had another kind before (power_supply_notifier).
    if (const auto size = size_of(*kind); *kind == ChainKind::blocking && size && room < *size)
      kind = ChainKind::atomic;
    walk(module.empty() ? std::string(name) : std::string(name) + " [" + std::string(module) + "]", at,
         *kind);
  }

 private:
  std::optional<std::uint64_t> size_of(ChainKind kind) {
    const auto types = kernel_.types();
    const auto size = types ? (*types)->size_of(type_of(kind)) : fail(types.error());
    return size ? std::optional(*size) : std::nullopt;
  }
  /// A blocking chain shows by its lock, on which nobody waits most of the time: an empty list.
  std::optional<ChainKind> by_lock(Gva at, std::uint64_t room) {
    const auto list = kernel_.offset("blocking_notifier_head", "rwsem.wait_list");
    const auto size = size_of(ChainKind::blocking);
    if (!list || !size || room < *size) return std::nullopt;
    const auto first = kernel_.read_pointer(at + *list);
    return first && *first == at + *list ? std::optional(ChainKind::blocking) : std::nullopt;
  }
  Result<void> follow(Gva link, const Hook& like) {
    RINGSIDE_TRY(Gva block, kernel_.read_pointer(link));
    std::unordered_set<std::uint64_t> blocks;
    while (block.value != 0) {
      if (blocks.size() >= kMaxBlocks)
        return fail(Errc::out_of_bounds, "more than " + std::to_string(kMaxBlocks) + " blocks");
      if (!blocks.insert(block.value).second)
        return fail(Errc::malformed, "it comes back to its block " + to_string(block));
      RINGSIDE_CHECK(block_.read(block));
      Hook hook = like;
      if (const auto priority = block_.object().integer(priority_))
        hook.number = static_cast<std::int64_t>(*priority);
      block_.append(std::move(hook), into_);
      block = block_.object().pointer(next_).value_or(Gva{0});
    }
    return {};
  }

  Kernel& kernel_;
  Hooks& into_;
  HookReader block_;
  ObjectReader::Member next_, priority_;
  std::unordered_set<std::uint64_t> seen_;
};

void take_image(Kernel& kernel, ChainWalker& walker) {
  const auto& symbols = kernel.symbols();
  const KernelIdentity& identity = kernel.identity();
  std::string name;
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    const Gva at{symbols.address(i, kernel.slide())};
    // What is freed after boot holds anything.
    if (!identity.image.contains(at) || Symboliser::of(kernel).region(at) != AddressRegion::kernel_data)
      continue;
    symbols.name(i, name);
    if (known_chain(name) || may_be_chain(name))
      walker.take(name, {}, at, bytes_to_next_symbol(kernel, at, kMaxExtent));
  }
}

void take_modules(Kernel& kernel, ChainWalker& walker, Hooks& into) {
  auto& symboliser = Symboliser::of(kernel);
  for (std::size_t m = 0; m < symboliser.modules().size(); ++m) {
    const Module& module = symboliser.modules()[m];
    if (module.state != ModuleState::live) continue;
    const ModuleSymbols& symbols = symboliser.symbols_of(m);
    for (std::size_t i = 0; i < symbols.size(); ++i) {
      if (!symbols.defined(i)) continue;
      const auto name = symbols.name(i);
      if (!known_chain(name) && !may_be_chain(name)) continue;
      const Gva at = symbols.address(i);
      if (symboliser.region(at) == AddressRegion::module_data) walker.take(name, module.name, at, kMaxExtent);
    }
  }
  for (const Error& problem : symboliser.problems())
    into.problem(problem.within("notifier chains of modules"));
}

void take_namespaces(Kernel& kernel, ChainWalker& walker, Hooks& into) {
  struct Chain {
    std::string_view path;
    ChainKind kind;
  };
  // include/net/net_namespace.h, include/net/netns/nexthop.h
  constexpr std::array kChains = {Chain{"netdev_chain", ChainKind::raw},
                                  Chain{"nexthop.notifier_chain", ChainKind::blocking}};
  const auto spaces = net_namespaces(kernel);
  if (!spaces) return into.problem(spaces.error().within("notifier chains of network namespaces"));
  for (const auto& error : spaces->problems) into.problem(error);
  for (const auto& chain : kChains) {
    const auto field = kernel.field("net", chain.path);
    if (!field) continue;
    for (const auto& space : spaces->entries)
      walker.walk("net." + std::string(chain.path), space.gva + field->offset, chain.kind, space.number);
  }
}

/// nmi_desc[] (NMI_LOCAL, NMI_UNKNOWN, NMI_SERR, NMI_IO_CHECK): lists of struct nmiaction.
void take_nmi(Kernel& kernel, Hooks& into) {
  const auto descriptors = kernel.find_symbol("nmi_desc");
  if (!descriptors) return;
  constexpr std::array<const char*, 4> kNames = {"nmi_local", "nmi_unknown", "nmi_serr", "nmi_io_check"};
  HookReader action(kernel, "nmiaction");
  action.add("handler", {"handler"});
  const auto name = action.object().add("name");
  const auto head = kernel.offset("nmi_desc", "head");
  const auto types = kernel.types();
  const auto size = types ? (*types)->size_of("nmi_desc") : fail(types.error());
  if (!head || !size || action.problem())
    return into.problem((!head   ? head.error()
                         : !size ? size.error()
                                 : *action.problem())
                            .within("NMI handlers"));
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    std::int64_t place = 0;
    each_in_list(
        kernel, *descriptors + i * *size + *head, "nmiaction", "list", kNames[i], into,
        [&](Gva at) {
          if (auto read = action.read(at); !read) return into.problem(read.error().within(kNames[i]));
          Hook like;
          like.group = kNames[i];
          like.name = text_at(kernel, action.object().pointer(name));
          like.number = place++;
          action.append(like, into);
        },
        kMaxBlocks);
  }
}

}  // namespace

Result<Hooks> notifiers(Kernel& kernel) {
  RINGSIDE_CHECK(require_types(kernel));
  Hooks hooks;
  ChainWalker walker(kernel, hooks);
  if (walker.problem()) return fail(walker.problem()->within("notifier chains"));
  take_image(kernel, walker);
  take_modules(kernel, walker, hooks);
  take_namespaces(kernel, walker, hooks);
  take_nmi(kernel, hooks);
  return hooks;
}

}  // namespace ringside::guest::linux
