// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/golden/module_reference.h"

#include "guest/linux/golden/boot_forms.h"
#include "guest/linux/golden/module_relocation.h"
#include "guest/linux/text/kernel_text.h"

#include <algorithm>
#include <iterator>

namespace ringside::guest::linux {

namespace {

/// Read-only by their flags, but written by the loader before they are: it sorts them
/// (kernel/extable.c, sort_extable; arch/x86/kernel/unwind_orc.c, unwind_module_init; kernel/trace/ftrace.c,
/// ftrace_process_locs), or evens out lengths in them (apply_alternatives).
bool is_written_by_loader(std::string_view name) {
  return name == "__ex_table" || name.starts_with(".orc_") || name == "__mcount_loc" ||
         name == ".altinstructions";
}

bool is_init(std::string_view name) {
  return name.starts_with(".init") || name == ".exit.data" || name == "__init_rodata";
}

}  // namespace

Result<std::shared_ptr<GoldenModuleReference>> GoldenModuleReference::create(
    Kernel& kernel, const Module& module, const GoldenModule& golden,
    const std::vector<ModuleSection>& sections, ModuleImports& imports) {
  const ElfFile& elf = golden.elf();
  if (elf.bits() != kernel.identity().bits)
    return fail(Errc::mismatch, "the vendor's module is of another width than the kernel");
  RINGSIDE_TRY(ModuleRelocation relocation,
               ModuleRelocation::create(kernel, module, golden, sections, imports));
  std::shared_ptr<GoldenModuleReference> made(new GoldenModuleReference(kernel, elf.bits()));
  struct Table {
    std::string_view name;
    std::uint64_t address;
    Bytes bytes;
  };
  std::vector<Table> tables;
  for (std::size_t i = 0; i < elf.sections().size(); ++i) {
    const ElfSection& section = elf.sections()[i];
    const auto address = relocation.address(i);
    if (!address || section.bytes.empty()) continue;
    const bool table = BootPlaces::is_table(section.name);
    const bool wanted = !section.writable() && !is_init(section.name);
    const bool jumps = section.name == "__jump_table", calls = section.name == ".static_call_sites";
    if (!table && !wanted && !jumps && !calls) continue;
    RINGSIDE_TRY(Bytes bytes, relocation.relocated(i));
    if (jumps) made->sites_.add_jump_table(*address, bytes);
    if (calls) made->sites_.add_static_calls(*address, bytes);
    if (table) tables.push_back({section.name, *address, bytes});
    if (!wanted) continue;
    made->parts_.push_back({std::string(section.name), *address, section.executable(),
                            !is_written_by_loader(section.name), std::move(bytes)});
  }
  std::sort(made->parts_.begin(), made->parts_.end(),
            [](const Part& a, const Part& b) { return a.first < b.first; });
  for (std::size_t i = 1; i < made->parts_.size(); ++i)
    if (made->parts_[i].first < made->parts_[i - 1].end())
      return fail(Errc::mismatch, "sections of module " + module.name + " overlap");
  made->fill_text(module);
  if (const auto entry = kernel.find_symbol("__fentry__")) made->fentry_ = entry->value;
  // Tables speak of init code as well, which is gone: places are told by what they say, not by the code.
  const BootPlaces::Code code = [&](std::uint64_t at, std::span<std::byte> into) {
    return relocation.read(at, into);
  };
  for (const Table& table : tables)
    RINGSIDE_CHECK(made->places_.add_table(table.name, table.address, table.bytes, code));
  made->places_.finish();
  return made;
}

/// The loader clears the memory before it puts sections into it (kernel/module/main.c, move_module): what is
/// between and behind them is code to the CPU too.
void GoldenModuleReference::fill_text(const Module& module) {
  const ModuleRegion* text = module.region(ModuleRegionKind::text);
  if (text == nullptr || text->size > KernelText::kMaxModuleText) return;
  std::vector<Part> gaps;
  const auto add = [&](std::uint64_t first, std::uint64_t end) {
    if (first < end) gaps.push_back({{}, first, true, true, Bytes(end - first)});
  };
  const std::uint64_t end = text->base.value + text->size;
  std::uint64_t at = text->base.value;
  for (const Part& part : parts_) {
    add(at, std::min(part.first, end));
    at = std::max(at, part.end());
  }
  add(at, end);
  parts_.insert(parts_.end(), std::make_move_iterator(gaps.begin()), std::make_move_iterator(gaps.end()));
  std::sort(parts_.begin(), parts_.end(), [](const Part& a, const Part& b) { return a.first < b.first; });
}

std::vector<Range> GoldenModuleReference::ranges() const {
  std::vector<Range> out;
  for (const Part& part : parts_)
    if (part.compared) out.push_back({Gva{part.first}, Gva{part.end()}});
  return out;
}

bool GoldenModuleReference::read(std::uint64_t address, std::span<std::byte> into) const {
  for (const Part& part : parts_) {
    const std::uint64_t at = address - part.first;
    if (address < part.first || at > part.bytes.size() || part.bytes.size() - at < into.size()) continue;
    std::copy_n(part.bytes.begin() + static_cast<std::ptrdiff_t>(at), into.size(), into.begin());
    return true;
  }
  return false;
}

Result<Bytes> GoldenModuleReference::bytes(Gva first, std::size_t size) const {
  const auto all = ranges();
  const bool inside = std::any_of(all.begin(), all.end(), [&](const Range& one) {
    return one.first <= first && first <= one.end && one.end - first >= size;
  });
  Bytes out(inside ? size : 0);
  if (!inside || !read(first.value, out))
    return fail(Errc::out_of_bounds, "the vendor's module has no code or read-only data of " +
                                         std::to_string(size) + " bytes at " + to_string(first));
  return out;
}

std::unique_ptr<TextExplainer> GoldenModuleReference::explainer(Gva first, ByteView expected,
                                                                ByteView actual) const {
  return std::make_unique<BootForms>(
      BootFacts::of(kernel_), places_, 0, BootForms::Run{first.value, expected, actual},
      [this](std::uint64_t at, std::span<std::byte> into) { return read(at, into); });
}

bool GoldenModuleReference::has_site(const PatchSite& site, ByteView expected) const {
  return sites_.allow(site, expected, fentry_);
}

GoldenModules::GoldenModules(Kernel& kernel) : kernel_(&kernel), sections_(kernel), imports_(kernel) {}

GoldenModules& GoldenModules::of(Kernel& kernel) {
  return *kernel.memo<std::unique_ptr<GoldenModules>>(
      [&] { return std::make_unique<GoldenModules>(kernel); });
}

Result<std::shared_ptr<GoldenModuleReference>> GoldenModules::reference(const Module& module) {
  if (const auto made = made_.find(module.address.value); made != made_.end()) return made->second;
  return made_.emplace(module.address.value, make(module)).first->second;
}

Result<GoldenModules::Loaded> GoldenModules::load(const Module& module) {
  if (module.state != ModuleState::live)
    return fail(Errc::unavailable, "module " + module.name + " is not live");
  auto* store = kernel_->snapshot().kept<GoldenStore>();
  if (store == nullptr)
    return fail(Errc::not_found, "there is nothing to compare module " + module.name + " with");
  Loaded loaded;
  RINGSIDE_TRY(loaded.file,
               store->module({kernel_->identity().release, module.name, module.build_id, module.srcversion}));
  if (sections_.unusable()) return fail(*sections_.unusable());
  std::optional<Error> problem;
  loaded.sections = sections_.read(module, [&](Error error) { problem = std::move(error); });
  if (problem) return fail(*problem);
  if (loaded.sections.empty())
    return fail(Errc::unavailable, "the sections of module " + module.name + " are not known");
  return loaded;
}

void GoldenModules::read_exports() {
  exports_read_ = true;
  for (const Module& module : modules(*kernel_, ModuleParts::texts | ModuleParts::build_id).entries) {
    if (module.state != ModuleState::live) continue;
    const auto& loaded = loaded_.emplace(module.address.value, load(module)).first->second;
    if (loaded) {
      const auto relocation =
          ModuleRelocation::create(*kernel_, module, *loaded->file, loaded->sections, imports_);
      if (relocation) {
        relocation->export_to(imports_);
        continue;
      }
    }
    imports_.add_symbols_of(module);
  }
}

Result<std::shared_ptr<GoldenModuleReference>> GoldenModules::make(const Module& module) {
  if (!exports_read_) read_exports();
  auto loaded = loaded_.find(module.address.value);
  if (loaded == loaded_.end()) loaded = loaded_.emplace(module.address.value, load(module)).first;
  if (!loaded->second) return fail(loaded->second.error());
  return GoldenModuleReference::create(*kernel_, module, *loaded->second->file, loaded->second->sections,
                                       imports_);
}

}  // namespace ringside::guest::linux
