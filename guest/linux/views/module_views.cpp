// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/views/module_views.h"

#include "guest/linux/module_layout.h"
#include "guest/linux/module_reader.h"
#include "guest/linux/object_reader.h"
#include "guest/linux/symboliser.h"
#include "guest/linux/views/init_memory.h"
#include "guest/linux/views/module_areas.h"
#include "guest/linux/views/module_finder.h"
#include "guest/linux/views/module_registers.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <string>

namespace ringside::guest::linux {

namespace {

/// What says whether a view applies to a module, and what memory is its own, in every state.
class ModuleTraits {
 public:
  explicit ModuleTraits(Kernel& kernel)
      : reader_(kernel, "module"),
        layout_(kernel, reader_),
        types_(reader_.add("btf_data_size", ObjectReader::Presence::optional)),
        sites_(reader_.add("ftrace_callsites", ObjectReader::Presence::optional)),
        site_count_(reader_.add("num_ftrace_callsites", ObjectReader::Presence::optional)),
        kernel_(kernel) {}

  void read(Gva module) { known_ = reader_.read(module).has_value(); }
  bool has_types() const { return known_ && reader_.u32(types_).value_or(0) != 0; }
  bool is_traced() const { return known_ && reader_.u32(site_count_).value_or(0) != 0; }
  /// Some function in [first, first + size) may be traced. Those of a module's init are forgotten with it
  /// (kernel/trace/ftrace.c, ftrace_free_mem): a module may have no other. True if it cannot be told.
  bool is_traced_in(Gva first, std::uint64_t size) const {
    const auto sites = reader_.pointer(sites_);
    if (!known_ || !sites || sites->value == 0) return true;
    constexpr std::uint32_t kMaxSites = 1u << 16;  // amdgpu has some 40,000
    const std::uint32_t count = std::min(reader_.u32(site_count_).value_or(0), kMaxSites);
    Bytes bytes(std::size_t{count} * kernel_.pointer_size());
    if (!kernel_.space().read(*sites, bytes)) return true;
    for (std::uint32_t i = 0; i < count; ++i) {
      std::uint64_t site = 0;
      std::memcpy(&site, bytes.data() + std::size_t{i} * kernel_.pointer_size(), kernel_.pointer_size());
      if (Gva{site} - first < size) return true;
    }
    return false;
  }
  std::vector<ModuleRegion> regions() const {
    Module module;
    if (known_) layout_.take(reader_, module, [](const Error&) {});
    return std::move(module.regions);
  }

 private:
  ObjectReader reader_;
  ModuleLayout layout_;
  ObjectReader::Member types_, sites_, site_count_;
  Kernel& kernel_;
  bool known_ = false;
};

class Collector {
 public:
  Collector(Kernel& kernel, const ModuleViewParts& parts)
      : kernel_(kernel),
        parts_(parts),
        reader_(kernel, ModuleParts::layout | ModuleParts::taints),
        traits_(kernel) {}

  Listing<ModuleView> run() {
    auto list = modules(kernel_, ModuleParts::layout | ModuleParts::taints);
    if (list.problems.empty()) listed_.exists();
    for (Error& error : list.problems) listed_.broken(std::move(error));
    registers_ = module_registers(kernel_);
    if (parts_.traced) traced_ = traced_outside_image(kernel_);
    if (parts_.memory) take_areas();
    take_mask();
    for (Module& module : list.entries) listed_.add(module.address);
    for (Module& module : list.entries) take(std::move(module));
    for (const View* view : views())
      for (const std::uint64_t address : ordered(*view)) take(Gva{address});
    if (parts_.memory) take_orphans();
    report();
    return std::move(listing_);
  }

 private:
  std::vector<const View*> views() const {
    return {&registers_.sysfs, &registers_.trees[0], &registers_.trees[1], &registers_.btf, &registers_.bugs};
  }
  static std::vector<std::uint64_t> ordered(const View& view) {
    std::vector<std::uint64_t> all(view.objects().begin(), view.objects().end());
    std::ranges::sort(all);
    return all;
  }

  void take_areas() {
    auto areas = module_areas(kernel_);
    if (!areas) {
      if (areas.error().code != Errc::not_found || kernel_.types())
        listing_.problem(areas.error().within("memory of modules"));
      return;
    }
    areas_whole_ = areas->problems.empty();
    for (Error& error : areas->problems) listing_.problem(std::move(error));
    areas_ = std::move(areas->entries);
  }

  void take_mask() {
    const auto at = kernel_.find_symbol("tainted_mask");
    if (!at) return;
    const auto mask = kernel_.read_pointer(*at);
    if (mask)
      mask_ = mask->value;
    else
      listing_.problem(mask.error().within("tainted_mask"));
  }

  /// One that only other views than the list show.
  void take(Gva address) {
    if (seen_.contains(address.value) || seen_.size() >= kMaxModules) return;
    auto module = reader_.read(address, [&](Error error) { listing_.problem(std::move(error)); });
    if (module) return take(std::move(*module));
    seen_.insert(address.value);
    ModuleView view;
    view.address = address;
    fill_registers(view);
    listing_.entries.push_back(std::move(view));
    listing_.problem(module.error().within("the module at " + to_string(address)));
  }

  void take(Module module) {
    if (!seen_.insert(module.address.value).second) return;
    ModuleView view;
    view.address = module.address;
    fill_registers(view);
    for (const ModuleRegion& region : traits_.regions())
      if (const ModuleArea* area = area_of(region.base)) owned_.insert(area->first.value);
    fill_memory(module, view);
    if (mask_ && module.taints) view.taints_cleared = *module.taints & ~*mask_;
    view.hidden = is_hidden(module, view);
    flux_ = flux_ || module.state != ModuleState::live;
    view.module = std::move(module);
    listing_.entries.push_back(std::move(view));
  }

  void fill_registers(ModuleView& view) {
    const Gva at = view.address;
    traits_.read(at);
    view.listed = listed_.holds(at);
    view.sysfs = registers_.sysfs.holds(at);
    view.tree = registers_.trees[0].holds(at);
    view.tree_too = registers_.trees[1].holds(at);
    view.bugs = registers_.bugs.holds(at);
    view.btf = registers_.btf.holds(at);
    if (view.btf == false && !traits_.has_types()) view.btf = std::nullopt;
  }

  void fill_memory(const Module& module, ModuleView& view) {
    const auto* text = module.region(ModuleRegionKind::text);
    if (text == nullptr) return;
    if (areas_whole_) view.memory = area_of(text->base) != nullptr;
    if (!traced_ || !traits_.is_traced()) return;
    // The first record of a page of them may be of the module's init, until that is given up.
    const auto* init = module.region(ModuleRegionKind::init_text);
    view.traced = traced_->any_in(text->base, text->size) ||
                  (init != nullptr && traced_->any_in(init->base, init->size));
    if (view.traced == false && (!traced_->problems.empty() || !traits_.is_traced_in(text->base, text->size)))
      view.traced = std::nullopt;
  }
  const ModuleArea* area_of(Gva gva) const {
    const auto after = std::ranges::upper_bound(areas_, gva, {}, &ModuleArea::first);
    return after != areas_.begin() && std::prev(after)->contains(gva) ? &*std::prev(after) : nullptr;
  }

  static std::optional<bool> is_hidden(const Module& module, const ModuleView& view) {
    // kernel/module/main.c: a module enters sysfs after it was formed, and leaves it before it is unformed.
    // One that is unformed is left out of /proc/modules: the state is a way to hide.
    if (module.state == ModuleState::unformed) return view.sysfs == true;
    if (module.state != ModuleState::live) return false;
    return missing_in_any(
        {view.listed, view.sysfs, view.tree, view.tree_too, view.btf, view.bugs, view.memory, view.traced});
  }

  /// Memory that was given to a module, and that none of those found so far accounts for.
  void take_orphans() {
    ModuleFinder finder(kernel_);
    for (const ModuleArea& area : areas_) {
      if (owned_.contains(area.first.value) || !asked_by_loader(area)) continue;
      if (const auto found = finder.in(area))
        take(*found);
      else if (!asked_for_all_code(area))
        orphan(area);
    }
    if (finder.exhausted())
      listing_.problem({Errc::out_of_bounds, "memory of modules: too much of it belongs to none"});
    // Those that were found account for their other memories.
    std::erase_if(listing_.entries,
                  [&](const ModuleView& view) { return view.area && owned_.contains(view.area->value); });
  }

  void orphan(const ModuleArea& area) {
    ModuleView view;
    view.area = area.first;
    view.area_size = area.end - area.first;
    view.area_caller = area.caller;
    if (!freeing_) freeing_ = flux_ || frees_init_memory(kernel_);
    view.in_flight = *freeing_;
    view.memory = true;
    listing_.entries.push_back(std::move(view));
  }

  /// The loader's own functions, between which the compiler may have moved code (kernel/module/main.c).
  bool asked_by_loader(const ModuleArea& area) {
    if (!area.caller || *area.caller == Gva{0}) return false;
    const auto name = Symboliser::of(kernel_).symbol(*area.caller);
    if (!name) return true;  // nobody that is known
    static constexpr std::string_view kLoader[] = {"load_module",    "layout_and_allocate", "move_module",
                                                   "module_alloc",   "module_memory_alloc", "execmem_alloc",
                                                   "execmem_vmalloc"};
    return std::ranges::any_of(kLoader, [&](std::string_view one) { return name->starts_with(one); });
  }

  /// From 7.0 one function gives out the memory of modules, BPF, ftrace and kprobes (mm/execmem.c): what
  /// holds no module may be another's.
  bool asked_for_all_code(const ModuleArea& area) {
    const auto name = Symboliser::of(kernel_).symbol(*area.caller);
    return name && name->starts_with("execmem_");
  }

  void report() {
    const auto tell = [&](const View& view) {
      for (const Error& error : view.problems()) listing_.problem(error);
    };
    tell(listed_);
    for (const View* view : views()) tell(*view);
    if (traced_)
      for (const Error& error : traced_->problems) listing_.problem(error);
  }

  Kernel& kernel_;
  ModuleViewParts parts_;
  ModuleReader reader_;
  ModuleTraits traits_;
  Listing<ModuleView> listing_;
  View listed_;
  ModuleRegisters registers_;
  std::optional<TracedFunctions> traced_;
  std::vector<ModuleArea> areas_;
  bool areas_whole_ = false;
  bool flux_ = false;  ///< some module comes or goes
  std::optional<bool> freeing_;
  std::optional<std::uint64_t> mask_;
  std::set<std::uint64_t> seen_, owned_;
};

}  // namespace

Listing<ModuleView> module_views(Kernel& kernel, const ModuleViewParts& parts) {
  return Collector(kernel, parts).run();
}

}  // namespace ringside::guest::linux
