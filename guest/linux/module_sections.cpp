// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/module_sections.h"

#include "guest/elf_notes.h"

#include <array>

namespace ringside::guest::linux {

namespace {

/// A note with the longest build id there is (include/linux/buildid.h, BUILD_ID_SIZE_MAX 20): header, "GNU",
/// id.
constexpr std::size_t kNoteBytes = 12 + 4 + 20;

std::string section_attribute_type(Kernel& kernel) {
  const auto types = kernel.types();
  return types && (*types)->has("module_sect_attr", "address") ? "module_sect_attr" : "bin_attribute";
}

}  // namespace

ModuleSectionReader::ModuleSectionReader(Kernel& kernel)
    : kernel_(kernel), attribute_(kernel, section_attribute_type(kernel)) {
  if (auto resolved = resolve(); !resolved)
    unusable_ = std::move(resolved).error().within("the sections of modules");
}

Result<void> ModuleSectionReader::resolve() {
  RINGSIDE_TRY(attributes_, kernel_.field("module", "sect_attrs"));
  RINGSIDE_TRY(list_, kernel_.field("module_sect_attrs", "grp.bin_attrs"));
  RINGSIDE_TRY(const Types* types, kernel_.types());
  if (const auto wrapped = types->field("module_sect_attr", "battr")) {
    inside_ = wrapped->offset;
    name_ = attribute_.add("battr.attr.name");
    address_ = attribute_.add("address");
  } else {
    name_ = attribute_.add("attr.name");
    address_ = attribute_.add("private");
  }
  if (!attribute_.missing().empty()) return fail(attribute_.missing().front());
  return {};
}

std::vector<ModuleSection> ModuleSectionReader::read(const Module& module,
                                                     const std::function<void(Error)>& problem) {
  std::vector<ModuleSection> sections;
  const auto failed = [&](const Error& error) {
    problem(error.within("the sections of module " + module.name));
  };
  if (unusable_) return sections;
  const auto attributes = kernel_.read_pointer_field(module.address, attributes_);
  if (!attributes) return failed(attributes.error()), sections;
  if (*attributes == Gva{0}) return sections;
  const auto list = kernel_.read_pointer_field(*attributes, list_);
  if (!list) return failed(list.error()), sections;
  for (std::size_t i = 0;; ++i) {
    const auto entry = kernel_.read_pointer(*list + i * kernel_.pointer_size());
    if (!entry) return failed(entry.error()), sections;
    if (*entry == Gva{0}) return sections;
    if (left_ == 0) {
      failed({Errc::out_of_bounds, "more than " + std::to_string(kMaxSections)});
      return sections;
    }
    --left_;
    if (auto read = attribute_.read(Gva{*entry - Gva{inside_}}); !read) {
      failed(read.error());
      continue;
    }
    ModuleSection section;
    section.address = attribute_.pointer(address_).value_or(Gva{0});
    const auto name = kernel_.read_string(attribute_.pointer(name_).value_or(Gva{0}), kMaxName);
    if (name)
      section.name = *name;
    else
      failed(name.error());
    sections.push_back(std::move(section));
  }
}

void take_build_ids(Kernel& kernel, Listing<Module>& listing) {
  ModuleSectionReader reader(kernel);
  const auto problem = [&](Error error) { listing.problem(std::move(error)); };
  if (reader.unusable()) return problem(*reader.unusable());
  for (Module& module : listing.entries) {
    if (module.state == ModuleState::unformed) continue;
    for (const ModuleSection& section : reader.read(module, problem)) {
      if (section.name != ".note.gnu.build-id") continue;
      std::array<std::byte, kNoteBytes> note;
      if (auto read = kernel.space().read(section.address, note); read)
        module.build_id = gnu_build_id(note);
      else
        problem(read.error().within("the build id of module " + module.name));
    }
  }
}

}  // namespace ringside::guest::linux
