// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/kernel_cache.h"

#include <algorithm>
#include <utility>

namespace ringside::guest::linux {

std::vector<std::shared_ptr<const KernelBuild>> KernelCache::builds(std::uint64_t page_fault) {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<const KernelBuild>> fitting;
  for (const auto& build : builds_)
    if ((page_fault - build->page_fault) % kAlignment == 0) fitting.push_back(build);
  return fitting;
}

void KernelCache::add(std::shared_ptr<const KernelBuild> build) {
  const std::lock_guard lock(mutex_);
  std::erase_if(builds_, [&](const auto& known) { return known->build_id == build->build_id; });
  builds_.insert(builds_.begin(), std::move(build));
  if (builds_.size() > kMaxBuilds) builds_.pop_back();
}

std::shared_ptr<const Btf> KernelCache::types(const std::string& build_id) {
  const std::lock_guard lock(mutex_);
  const auto found = types_.find(build_id);
  return found == types_.end() ? nullptr : found->second;
}

void KernelCache::add_types(const std::string& build_id, std::shared_ptr<const Btf> types) {
  const std::lock_guard lock(mutex_);
  if (types_.size() >= kMaxBuilds) types_.clear();
  types_[build_id] = std::move(types);
}

std::shared_ptr<const UntypedKernel> KernelCache::untyped(const std::string& place) {
  const std::lock_guard lock(mutex_);
  const auto found = untyped_.find(place);
  return found == untyped_.end() ? nullptr : found->second;
}

void KernelCache::add_untyped(const std::string& place, std::shared_ptr<const UntypedKernel> kernel) {
  const std::lock_guard lock(mutex_);
  if (untyped_.size() >= kMaxBuilds) untyped_.clear();
  untyped_[place] = std::move(kernel);
}

bool KernelCache::compared(const std::string& place, const std::shared_ptr<const void>& what) {
  const std::lock_guard lock(mutex_);
  const auto found = compared_.find(place);
  return found != compared_.end() && found->second.lock() == what;
}

void KernelCache::note_compared(const std::string& place, const std::shared_ptr<const void>& what) {
  const std::lock_guard lock(mutex_);
  if (compared_.size() >= kMaxPlaces) compared_.clear();
  compared_[place] = what;
}

}  // namespace ringside::guest::linux
