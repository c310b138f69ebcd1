// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/golden/boot_places.h"
#include "guest/linux/golden/golden_store.h"
#include "guest/linux/golden/module_imports.h"
#include "guest/linux/golden/vendor_sites.h"
#include "guest/linux/module_sections.h"
#include "guest/linux/text/text_reference.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ringside::guest::linux {

/// The code and read-only data of a loaded module as the vendor shipped them, relocated to where its sections
/// are; zeros where its text has none. Sections that are gone after its init, and those that the loader sorts
/// or writes, are left out.
class GoldenModuleReference final : public TextReference {
 public:
  /// `sections`: where they are, as ModuleSectionReader gives them. `kernel` must outlive this. Errors:
  /// `mismatch` if they are not those of the file, `malformed`, `unavailable` if something that the module
  /// refers to is not known.
  static Result<std::shared_ptr<GoldenModuleReference>> create(Kernel& kernel, const Module& module,
                                                               const GoldenModule& golden,
                                                               const std::vector<ModuleSection>& sections,
                                                               ModuleImports& imports);

  std::string_view source() const override { return "golden"; }
  std::vector<Range> ranges() const override;
  Result<Bytes> bytes(Gva first, std::size_t size) const override;
  std::unique_ptr<TextExplainer> explainer(Gva first, ByteView expected, ByteView actual) const override;
  bool has_site(const PatchSite& site, ByteView expected) const override;

  struct Part {
    std::string section;  ///< "": the room between sections
    std::uint64_t first = 0;
    bool code = false;      ///< executable
    bool compared = false;  ///< in ranges()
    Bytes bytes;
    std::uint64_t end() const { return first + bytes.size(); }
  };
  const std::vector<Part>& parts() const { return parts_; }

 private:
  GoldenModuleReference(Kernel& kernel, unsigned bits) : kernel_(kernel), places_(bits), sites_(bits) {}
  bool read(std::uint64_t address, std::span<std::byte> into) const;
  void fill_text(const Module& module);

  Kernel& kernel_;
  std::vector<Part> parts_;  ///< by address
  BootPlaces places_;
  VendorSites sites_;
  std::optional<std::uint64_t> fentry_;
};

/// The reference of each module that a GoldenStore has the file of; made when first asked for, once a
/// snapshot.
class GoldenModules {
 public:
  explicit GoldenModules(Kernel& kernel);
  static GoldenModules& of(Kernel& kernel);

  /// `module`: one of modules(), with its layout, and its texts and build id where the kernel tells them.
  /// Errors as of GoldenStore::module and GoldenModuleReference::create; `unavailable` for a module that is
  /// not live, or whose sections are not known.
  Result<std::shared_ptr<GoldenModuleReference>> reference(const Module& module);

 private:
  /// A module's file and where its sections are.
  struct Loaded {
    std::shared_ptr<const GoldenModule> file;
    std::vector<ModuleSection> sections;
  };
  Result<Loaded> load(const Module& module);
  void read_exports();
  Result<std::shared_ptr<GoldenModuleReference>> make(const Module& module);

  Kernel* kernel_;
  ModuleSectionReader sections_;
  ModuleImports imports_;
  bool exports_read_ = false;
  std::unordered_map<std::uint64_t, Result<Loaded>> loaded_;
  std::unordered_map<std::uint64_t, Result<std::shared_ptr<GoldenModuleReference>>> made_;
};

}  // namespace ringside::guest::linux
