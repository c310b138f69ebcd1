// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/module_types.h"

#include "guest/linux/object_reader.h"
#include "guest/linux/walkers.h"

#include <algorithm>
#include <map>
#include <utility>

namespace ringside::guest::linux {

namespace {

/// Those that were read, by the place of their bytes.
struct KeptModuleBtfs {
  std::map<Gva, Result<std::shared_ptr<const Btf>>> by_place;
};

/// Reads struct btf.
class ModuleBtfReader {
 public:
  explicit ModuleBtfReader(Kernel& kernel) : btf_(kernel, "btf") {
    name_ = btf_.add("name");
    data_ = btf_.add("data");
    size_ = btf_.add("data_size");
    first_id_ = btf_.add("start_id");
    first_string_ = btf_.add("start_str_off");
  }
  const std::vector<Error>& missing() const { return btf_.missing(); }

  Result<ModuleBtf> read(Gva btf) {
    RINGSIDE_CHECK(btf_.read(btf));
    return ModuleBtf{btf_.text(name_).value_or(""), btf_.pointer(data_).value_or(Gva{0}),
                     btf_.u32(size_).value_or(0), btf_.u32(first_id_).value_or(0),
                     btf_.u32(first_string_).value_or(0)};
  }

 private:
  ObjectReader btf_;
  ObjectReader::Member name_, data_, size_, first_id_, first_string_;
};

Result<std::shared_ptr<const Btf>> read(Kernel& kernel, const ModuleBtf& module) {
  RINGSIDE_TRY(const auto base, kernel.btf());
  if (module.first_id != base->end_id() || module.first_string != base->strings_size())
    return fail(Errc::mismatch, "they go on from type " + std::to_string(module.first_id) +
                                    ", the kernel's end at " + std::to_string(base->end_id()));
  if (module.size > kMaxModuleBtf)
    return fail(Errc::out_of_bounds, "they would be " + std::to_string(module.size) + " bytes");
  Bytes raw(module.size);
  RINGSIDE_CHECK(kernel.space().read(module.data, raw));
  return Btf::parse(std::move(raw), kernel.pointer_size(), base);
}

}  // namespace

Result<Listing<ModuleBtf>> module_btfs(Kernel& kernel) {
  const auto head = kernel.find_symbol("btf_modules");
  if (!head)
    return fail(Errc::unavailable, "this kernel keeps no type information of modules (that begins with 6.1)");
  RINGSIDE_TRY(const Field link, kernel.field("btf_module", "list"));
  RINGSIDE_TRY(const Field pointer, kernel.field("btf_module", "btf"));
  ModuleBtfReader reader(kernel);
  if (!reader.missing().empty()) return fail(reader.missing().front());
  Listing<ModuleBtf> listing;
  const auto walked = walk_list(kernel, *head, kMaxBtfModules, [&](Gva node) {
    const Gva entry{node - Gva{link.offset}};
    auto btf = kernel.read_pointer_field(entry, pointer);
    auto module = btf ? reader.read(*btf) : Result<ModuleBtf>(fail(std::move(btf).error()));
    if (module)
      listing.entries.push_back(std::move(*module));
    else
      listing.problem(module.error().within("the types of a module"));
    return true;
  });
  if (!walked) listing.problem(walked.error().within("the list of modules with types"));
  return listing;
}

Result<std::shared_ptr<const Btf>> module_btf(Kernel& kernel, const ModuleBtf& module) {
  auto& kept = kernel.memo<KeptModuleBtfs>([] { return KeptModuleBtfs{}; }).by_place;
  if (const auto found = kept.find(module.data); found != kept.end()) return found->second;
  auto btf = read(kernel, module);
  if (!btf) btf = fail(btf.error().within("the types of module " + module.module));
  // Looked up again: reading may have moved what is kept.
  return kernel.memo<KeptModuleBtfs>([] { return KeptModuleBtfs{}; })
      .by_place.insert_or_assign(module.data, std::move(btf))
      .first->second;
}

Result<std::shared_ptr<const Btf>> module_btf(Kernel& kernel, std::string_view module) {
  RINGSIDE_TRY(const auto listing, module_btfs(kernel));
  const auto entry = std::ranges::find(listing.entries, module, &ModuleBtf::module);
  if (entry != listing.entries.end()) return module_btf(kernel, *entry);
  if (!listing.problems.empty()) return fail(listing.problems.front());
  return fail(Errc::not_found, "no module " + std::string(module) + " with types of its own is loaded");
}

}  // namespace ringside::guest::linux
