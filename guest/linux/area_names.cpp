// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/area_names.h"

#include <utility>

namespace ringside::guest::linux {

namespace {

// ANON_VMA_NAME_MAX_LEN (kernel/sys.c); the names of special mappings are shorter.
constexpr std::size_t kMaxGivenName = 80;

}  // namespace

AreaNames::AreaNames(Kernel& kernel)
    : kernel_(kernel),
      function_(kernel.field("vm_operations_struct", "name")),
      special_name_(kernel.field("vm_special_mapping", "name")),
      given_name_(kernel.field("anon_vma_name", "name")),
      special_function_(kernel.find_symbol("special_mapping_name")),
      // vma_is_initial_heap(), include/linux/mm.h: an area that ends where the heap starts was called heap
      // before 6.6.
      heap_touches_(std::pair(kernel.identity().major, kernel.identity().minor) < std::pair(6u, 6u)) {}

Result<std::optional<std::string>> AreaNames::special(Gva operations, Gva private_data) {
  if (operations == Gva{0}) return std::nullopt;
  auto known = functions_.find(operations.value);
  if (known == functions_.end()) {
    if (!function_) return fail(function_.error());
    RINGSIDE_TRY(const Gva function, kernel_.read_pointer_field(operations, *function_));
    constexpr std::size_t kMaxKept = 4096;
    if (functions_.size() >= kMaxKept) functions_.clear();
    known = functions_.emplace(operations.value, function).first;
  }
  if (known->second == Gva{0}) return std::nullopt;
  if (known->second != special_function_)
    return fail(Errc::unsupported,
                "its name is made by a function that is not known, at " + to_string(known->second));
  if (!special_name_) return fail(special_name_.error());
  RINGSIDE_TRY(const Gva text, kernel_.read_pointer_field(private_data, *special_name_));
  if (text == Gva{0}) return std::nullopt;
  RINGSIDE_TRY(std::string name, kernel_.read_string(text, kMaxGivenName));
  return std::optional(std::move(name));
}

std::string_view AreaNames::by_place(std::uint64_t start, std::uint64_t end,
                                     const Landmarks& landmarks) const {
  const bool heap = heap_touches_ ? start <= landmarks.brk && end >= landmarks.start_brk
                                  : start < landmarks.brk && end > landmarks.start_brk;
  if (heap) return "[heap]";
  if (start <= landmarks.start_stack && end >= landmarks.start_stack) return "[stack]";
  return {};
}

Result<std::string> AreaNames::given(Gva anon_name) {
  if (!given_name_) return fail(given_name_.error());
  return kernel_.read_string(anon_name + given_name_->offset, kMaxGivenName);
}

}  // namespace ringside::guest::linux
