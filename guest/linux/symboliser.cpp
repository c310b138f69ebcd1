// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/symboliser.h"

#include <fmt/format.h>

#include <algorithm>

namespace ringside::guest::linux {

namespace {

using Region = AddressRegion;

constexpr std::size_t kMaxProblems = 16;

Region region_of(ModuleRegionKind kind) {
  switch (kind) {
    case ModuleRegionKind::text:
      return Region::module_text;
    case ModuleRegionKind::data:
      return Region::module_data;
    case ModuleRegionKind::rodata:
    case ModuleRegionKind::ro_after_init:
      return Region::module_rodata;
    case ModuleRegionKind::init_text:
    case ModuleRegionKind::init_data:
    case ModuleRegionKind::init_rodata:
      return Region::module_init;
  }
  return Region::module_area;
}

Region region_of(RuntimeCode::Kind kind) {
  switch (kind) {
    case RuntimeCode::Kind::bpf:
      return Region::bpf;
    case RuntimeCode::Kind::ftrace_trampoline:
      return Region::ftrace_trampoline;
    case RuntimeCode::Kind::kprobe:
      return Region::kprobe;
  }
  return Region::module_area;
}

std::string with_offset(std::string_view name, std::uint64_t offset) {
  return offset == 0 ? std::string(name) : fmt::format("{}+{:#x}", name, offset);
}

}  // namespace

Symboliser::Symboliser(Kernel& kernel)
    : kernel_(&kernel),
      regions_(kernel),
      // CONFIG_KALLSYMS_ALL: 32-bit kernels of Debian are built without.
      data_symbols_(kernel.find_symbol("__start_rodata") || kernel.find_symbol("init_task")) {}

Symboliser& Symboliser::of(Kernel& kernel) {
  return kernel.memo<Symboliser>([&] { return Symboliser(kernel); });
}

void Symboliser::problem(Error error) {
  const auto same = [&](const Error& one) { return one.message == error.message; };
  if (problems_.size() < kMaxProblems && std::none_of(problems_.begin(), problems_.end(), same))
    problems_.push_back(std::move(error));
}

const std::vector<Module>& Symboliser::modules() {
  if (!modules_) {
    auto listing = linux::modules(*kernel_, ModuleParts::layout);
    modules_whole_ = listing.problems.empty();
    for (Error& error : listing.problems) problem(std::move(error));
    modules_ = std::move(listing.entries);
    symbols_.resize(modules_->size());
  }
  return *modules_;
}

const ModuleSymbols& Symboliser::symbols_of(std::size_t module) {
  const Module& which = modules()[module];
  auto& held = symbols_[module];
  if (!held) {
    if (!reader_) {
      reader_.emplace(*kernel_);
      if (reader_->unusable()) problem(*reader_->unusable());
    }
    held = reader_->read(which, false, [&](Error error) { problem(std::move(error)); });
  }
  return *held;
}

const std::vector<RuntimeCode>& Symboliser::runtime() {
  if (!runtime_) {
    auto listing = runtime_code(*kernel_);
    modules_whole_ = modules_whole_ && listing.problems.empty();
    for (Error& error : listing.problems) problem(std::move(error));
    runtime_ = std::move(listing.entries);
  }
  return *runtime_;
}

void Symboliser::map_pieces() {
  mapped_ = true;
  const auto add = [&](Gva first, std::uint64_t size, Region region, std::size_t index, bool of_module) {
    if (size == 0 || first.value + size < first.value) return;
    pieces_.push_back(
        {first.value, first.value + size, region, static_cast<std::uint32_t>(index), of_module});
  };
  for (std::size_t i = 0; i < modules().size(); ++i)
    for (const ModuleRegion& region : modules()[i].regions)
      add(region.base, region.size, region_of(region.kind), i, true);
  for (std::size_t i = 0; i < runtime().size(); ++i)
    add(runtime()[i].first, runtime()[i].size, region_of(runtime()[i].kind), i, false);
  std::stable_sort(pieces_.begin(), pieces_.end(),
                   [](const Piece& a, const Piece& b) { return a.first < b.first; });
}

const Symboliser::Piece* Symboliser::piece(Gva gva) {
  if (!regions_.may_be_module(gva)) return nullptr;
  if (!mapped_) map_pieces();
  const auto after =
      std::upper_bound(pieces_.begin(), pieces_.end(), gva.value,
                       [](std::uint64_t value, const Piece& one) { return value < one.first; });
  if (after == pieces_.begin()) return nullptr;
  const Piece& found = *std::prev(after);
  return gva.value < found.end ? &found : nullptr;
}

std::optional<std::string> Symboliser::image_symbol(Gva gva) {
  const KernelIdentity& identity = kernel_->identity();
  // As the kernel: where it has symbols for functions only, nothing else has a name (kernel/kallsyms.c,
  // is_ksym_addr).
  if (!data_symbols_ && !identity.text.contains(gva) && !identity.init_text.contains(gva))
    return std::nullopt;
  const SymbolTable& table = kernel_->symbols();
  const auto index = table.at_or_before(gva.value, kernel_->slide());
  if (!index) return std::nullopt;
  const std::uint64_t address = table.address(*index, kernel_->slide());
  if (!identity.image.contains(Gva{address})) return std::nullopt;
  std::string name;
  table.name(*index, name);
  return with_offset(name, gva.value - address);
}

std::optional<std::string> Symboliser::symbol(Gva gva) {
  if (kernel_->identity().image.contains(gva)) return image_symbol(gva);
  const Piece* found = piece(gva);
  if (found == nullptr) return std::nullopt;
  if (!found->of_module) {
    const RuntimeCode& code = runtime()[found->index];
    return fmt::format("{} [{}]", with_offset(code.name, gva - code.first), code.module);
  }
  const Module& owner = modules()[found->index];
  const ModuleSymbols& symbols = symbols_of(found->index);
  const auto nearest = symbols.at_or_before(gva);
  const auto holds = [&](const ModuleRegion& region) { return region.contains(symbols.address(*nearest)); };
  if (nearest && std::any_of(owner.regions.begin(), owner.regions.end(), holds))
    return fmt::format("{} [{}]", with_offset(symbols.name(*nearest), gva - symbols.address(*nearest)),
                       owner.name);
  return std::nullopt;
}

std::string_view Symboliser::module(Gva gva) {
  const Piece* found = piece(gva);
  if (found == nullptr) return {};
  return found->of_module ? std::string_view(modules()[found->index].name)
                          : std::string_view(runtime()[found->index].module);
}

AddressRegion Symboliser::region(Gva gva) {
  const Region region = regions_.at(gva);
  if (regions_.problem()) problem(*regions_.problem());
  const Piece* found = piece(gva);
  return found == nullptr ? region : found->region;
}

std::optional<bool> Symboliser::in_text(Gva gva) {
  if (kernel_->identity().image.contains(gva)) return kernel_->identity().text.contains(gva);
  const Piece* found = piece(gva);
  if (found == nullptr) {
    // What could not be read of the modules may hold it.
    if (mapped_ && !modules_whole_ && regions_.may_be_module(gva)) return std::nullopt;
    return false;
  }
  if (found->region == Region::bpf) return true;
  return found->region == Region::module_text && modules()[found->index].state == ModuleState::live;
}

std::optional<Gva> Symboliser::in_module(std::string_view module, std::string_view name) {
  for (std::size_t i = 0; i < modules().size(); ++i) {
    if (modules()[i].name != module) continue;
    const ModuleSymbols& symbols = symbols_of(i);
    for (std::size_t at = 0; at < symbols.size(); ++at)
      if (symbols.defined(at) && symbols.name(at) == name) return symbols.address(at);
  }
  for (const RuntimeCode& code : runtime())
    if (code.module == module && code.name == name) return code.first;
  return std::nullopt;
}

std::optional<Gva> Symboliser::in_any_module(std::string_view name) {
  for (std::size_t i = 0; i < modules().size(); ++i) {
    const ModuleSymbols& symbols = symbols_of(i);
    for (std::size_t at = 0; at < symbols.size(); ++at)
      if (symbols.defined(at) && symbols.name(at) == name) return symbols.address(at);
  }
  for (const RuntimeCode& code : runtime())
    if (code.name == name) return code.first;
  return std::nullopt;
}

std::optional<Gva> Symboliser::address(std::string_view name) {
  if (const auto open = name.find(" ["); open != std::string_view::npos && name.ends_with(']'))
    return in_module(name.substr(open + 2, name.size() - open - 3), name.substr(0, open));
  // The names of some symbols hold a colon, in Rust at least: it may be one name after all.
  if (const auto found = kernel_->find_symbol(name)) return found;
  if (const auto colon = name.find(':'); colon != std::string_view::npos)
    if (const auto found = in_module(name.substr(0, colon), name.substr(colon + 1))) return found;
  return in_any_module(name);
}

}  // namespace ringside::guest::linux
