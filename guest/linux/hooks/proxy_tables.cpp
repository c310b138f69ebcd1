// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/proxy_tables.h"

#include "guest/linux/pointers.h"

namespace ringside::guest::linux {

namespace {
constexpr std::uint64_t kMaxSize = 1024;
}

ProxyTables::ProxyTables(Kernel& kernel) : kernel_(kernel) {
  for (const char* name : {"full_proxy_release", "full_proxy_llseek", "full_proxy_read", "full_proxy_write",
                           "full_proxy_poll", "full_proxy_unlocked_ioctl"})
    if (const auto at = kernel.find_symbol(name)) functions_.insert(at->value);
  if (const auto types = kernel.types())
    if (const auto size = (*types)->size_of("file_operations"); size && *size <= kMaxSize) size_ = *size;
}

bool ProxyTables::is_one(Gva gva) const {
  if (functions_.empty() || kernel_.identity().image.contains(gva)) return false;
  Bytes table(size_);
  if (!kernel_.space().read(gva, table)) return false;
  bool any = false;
  const unsigned width = kernel_.pointer_size();
  for (std::size_t i = 0; i < table.size() / width; ++i) {
    const Gva value = pointer_in(table, i, width);
    if (value != Gva{0} && !functions_.contains(value.value)) return false;
    any = any || value != Gva{0};
  }
  return any;
}

}  // namespace ringside::guest::linux
