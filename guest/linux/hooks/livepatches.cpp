// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/livepatches.h"

#include "guest/linux/hooks/trace_roots.h"
#include "guest/linux/object_reader.h"
#include "guest/linux/walkers.h"

#include <unordered_map>

namespace ringside::guest::linux {

namespace {

constexpr std::size_t kMaxName = 512;       // KSYM_NAME_LEN, from 6.1
constexpr std::size_t kMaxModuleName = 64;  // MODULE_NAME_LEN

class Reader {
 public:
  Reader(Kernel& kernel, Listing<LivepatchFunction>& listing) : kernel_(kernel), listing_(listing) {}

  Result<void> usable() const {
    for (const auto* reader : {&patch_, &object_, &function_})
      if (!reader->missing().empty()) return fail(reader->missing().front());
    for (const auto* offset : {&in_patches_, &in_patch_, &in_object_, &in_stack_, &in_ops_})
      if (!*offset) return fail(offset->error());
    return {};
  }

  void walk_patches(Gva head) {
    walk(head, *in_patches_, "klp_patches", [&](Gva patch) {
      if (auto read = patch_.read(patch); !read) return problem(read.error(), "a klp_patch");
      LivepatchFunction function;
      function.listed = true;
      function.patch_module = patch_.pointer(module_).value_or(Gva{0});
      function.enabled = patch_.integer(enabled_).value_or(0) != 0;
      if (name_of_module_) {
        auto name = kernel_.read_string(*function.patch_module + name_of_module_->offset, kMaxModuleName);
        if (name) function.patch = std::move(*name);
      }
      walk_objects(patch + objects_, function);
    });
  }

  /// What is really called: the first of each stack, the others wait below it.
  void walk_stacks(Gva head) {
    walk(head, *in_ops_, "klp_ops", [&](Gva ops) {
      walk(ops + stack_, *in_stack_, "a stack of klp_func", [&](Gva at) {
        const auto known = index_.find(at.value);
        if (known != index_.end()) {
          listing_.entries[known->second].active = true;
          return;
        }
        LivepatchFunction function;
        function.active = true;
        take(at, function);
      });
    });
  }

  Result<void> find_heads() {
    RINGSIDE_TRY(objects_, kernel_.offset("klp_patch", "obj_list"));
    RINGSIDE_TRY(functions_, kernel_.offset("klp_object", "func_list"));
    RINGSIDE_TRY(stack_, kernel_.offset("klp_ops", "func_stack"));
    return {};
  }

 private:
  void problem(const Error& error, std::string_view what) { listing_.problem(error.within(what)); }

  template <class Take>
  void walk(Gva head, std::uint32_t link, std::string_view what, Take&& take) {
    const auto walked = walk_list(kernel_, head, kMaxLivepatchEntries, [&](Gva node) {
      if (visited_++ >= 4 * kMaxLivepatchEntries) return false;
      take(Gva{node - Gva{link}});
      return true;
    });
    if (visited_ >= 4 * kMaxLivepatchEntries)
      problem({Errc::out_of_bounds, "more entries than can be"}, what);
    if (!walked) problem(walked.error(), what);
  }

  void walk_objects(Gva head, const LivepatchFunction& common) {
    walk(head, *in_patch_, "objects of a klp_patch", [&](Gva object) {
      if (auto read = object_.read(object); !read) return problem(read.error(), "a klp_object");
      LivepatchFunction function = common;
      const Gva name = object_.pointer(object_name_).value_or(Gva{0});
      if (name.value == 0) {
        function.object = "";
      } else if (auto text = kernel_.read_string(name, kMaxModuleName)) {
        function.object = std::move(*text);
      }
      walk(object + functions_, *in_object_, "functions of a klp_object",
           [&](Gva at) { take(at, function); });
    });
  }

  void take(Gva at, LivepatchFunction function) {
    if (auto read = function_.read(at); !read) return problem(read.error(), "a klp_func");
    function.address = at;
    function.old_function = function_.pointer(old_).value_or(Gva{0});
    function.function = function_.pointer(new_).value_or(Gva{0});
    if (auto name = kernel_.read_string(function_.pointer(old_name_).value_or(Gva{0}), kMaxName))
      function.name = std::move(*name);
    index_.emplace(at.value, listing_.entries.size());
    listing_.entries.push_back(std::move(function));
  }

  Kernel& kernel_;
  Listing<LivepatchFunction>& listing_;
  std::unordered_map<std::uint64_t, std::size_t> index_;
  ObjectReader patch_{kernel_, "klp_patch"}, object_{kernel_, "klp_object"}, function_{kernel_, "klp_func"};
  const ObjectReader::Member module_ = patch_.add("mod"), enabled_ = patch_.add("enabled"),
                             object_name_ = object_.add("name"), old_name_ = function_.add("old_name"),
                             old_ = function_.add("old_func"), new_ = function_.add("new_func");
  const Result<std::uint32_t> in_patches_ = kernel_.offset("klp_patch", "list"),
                              in_patch_ = kernel_.offset("klp_object", "node"),
                              in_object_ = kernel_.offset("klp_func", "node"),
                              in_stack_ = kernel_.offset("klp_func", "stack_node"),
                              in_ops_ = kernel_.offset("klp_ops", "node");
  const Result<Field> name_of_module_ = kernel_.field("module", "name");
  std::uint64_t visited_ = 0;  ///< of all lists: a hostile guest may run them into one another
  std::uint32_t objects_ = 0, functions_ = 0, stack_ = 0;
};

}  // namespace

Result<Listing<LivepatchFunction>> livepatch_functions(Kernel& kernel) {
  Listing<LivepatchFunction> listing;
  RINGSIDE_TRY(const auto patches, feature_root(kernel, "klp_patches", "klp_enable_patch"));
  if (!patches) return listing;
  RINGSIDE_TRY(const Gva ops, kernel.symbol("klp_ops"));
  Reader reader(kernel, listing);
  RINGSIDE_CHECK(reader.usable());
  RINGSIDE_CHECK(reader.find_heads());
  reader.walk_patches(*patches);
  reader.walk_stacks(ops);
  return listing;
}

}  // namespace ringside::guest::linux
